"""The section `runtime`: how fast and where, never what. No stage tracks it."""

import os
from typing import Literal

from pydantic import Field, field_validator

from pipeline.params.section import Section
from pipeline.runtime.ray_cluster import RayCluster
from pipeline.runtime.workers import Workers


class RayParams(Section):
    """The section `runtime.ray`; it counts where `runtime.engine` is ray."""

    address: str = Field(
        pattern=r"^(auto|(ray://)?[\w.\-]+:\d+)?$",
        description="host:port of the head node, or auto: the one that `ray start` has started on "
        "this machine; empty: a cluster of this machine alone, for as long as the stage runs",
    )
    num_gpus: float = Field(
        ge=0,
        le=16,
        description="GPUs that a detector takes, or a share of one; 0 detects on processor cores",
    )


class RuntimeParams(Section):
    """Settings of this machine; a change of them reruns nothing."""

    device: str = Field(
        pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", description="auto takes the GPU where there is one"
    )
    threads: int = Field(
        ge=0, le=1024, description="CPU threads of torch, over all processes; 0 takes one a core"
    )
    engine: Literal["local", "ray"] = Field(
        description="who makes photos and shards: processes of this machine, or a Ray cluster"
    )
    ray: RayParams
    workers: int = Field(
        ge=0,
        le=1024,
        description="processes that paint, decode, shrink and cut photos; 0 takes one a core, "
        "1 does without other processes",
    )
    detect_batch: int = Field(
        ge=0, le=1024, description="views a step of the people detector; 0 takes what suits"
    )
    processes: int = Field(
        ge=1,
        le=1024,
        description="processes that train together, each on its own GPU; 1 needs no torchrun",
    )
    feeding: Literal["auto", "device", "host", "stream"] = Field(
        description="where the training photos lie; auto: the first that has room for them"
    )
    shards: Literal["disk", "remote"] = Field(
        default="disk",
        description="where training and evaluation read the final shards; remote: from where "
        "`dvc push` has put them, with none of them on the disk",
    )
    trackers: list[Literal["tensorboard", "wandb", "dvclive"]] = Field(
        description="where a training is shown while it runs, beside `scenefill watch`"
    )
    mirrors: list[str] = Field(
        description="folders on servers with the archives, tried in order before the official one"
    )
    adopt: str = Field(
        description="a copy that is here already: an archive, the folder it lies in, or the folder "
        "it was extracted to; empty for none"
    )
    adopt_by: Literal["copy", "link"] = Field(
        description="link saves the copy's disk space, but your file becomes part of DVC's cache"
    )

    @field_validator("mirrors")
    @classmethod
    def _are_folders_on_servers(cls, mirrors: list[str]) -> list[str]:
        for mirror in mirrors:
            if not mirror.startswith(("http://", "https://")):
                raise ValueError(
                    f"params.yaml runtime.mirrors holds {mirror!r}, but a mirror is the URL of a "
                    "folder, such as http://data.csail.mit.edu/places/places365"
                )
        return mirrors

    @property
    def num_workers(self) -> int:
        return self.workers or os.cpu_count() or 1


def workers_of(runtime: RuntimeParams) -> Workers:
    """Who works for a data stage."""
    if runtime.engine == "ray":
        return RayCluster(runtime.ray.address, runtime.ray.num_gpus)
    return runtime.num_workers
