"""The section `runtime`: how fast and where, never what. No stage tracks it."""

from typing import Literal

from pydantic import Field

from pipeline.params.section import Section


class RuntimeParams(Section):
    """Settings of this machine; a change of them reruns nothing."""

    device: str = Field(
        pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", description="auto takes the GPU where there is one"
    )
    threads: int = Field(ge=0, description="CPU threads of torch; 0 takes one a core")
    workers: int = Field(ge=0, description="processes that paint photos; 0 takes one a core")
    detect_batch: int = Field(ge=1, le=1024, description="photos a step of the people detector")
    processes: int = Field(
        ge=1, description="processes that train together, each on its own GPU; 1 needs no torchrun"
    )
    feeding: Literal["auto", "device", "host", "stream"] = Field(
        description="where the training photos lie; auto: the first that has room for them"
    )
    trackers: list[Literal["tensorboard", "wandb", "dvclive"]] = Field(
        description="where a training is shown while it runs, beside `scenefill watch`"
    )
