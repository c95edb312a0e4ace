"""The files of deploy/, checked by the tools of their formats where these are installed."""

import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.cli import STAGES
from pipeline.runtime.code_closure import ROOT

DEPLOY = ROOT / "deploy"
SCRIPTS = sorted(DEPLOY.glob("slurm/*.sbatch"))
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def checked(*command: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_sound(script: Path) -> None:
    checked("bash", "-n", str(script))
    checked(tool("shellcheck"), "--shell=bash", str(script))


def test_the_image_is_built_as_hadolint_wants_it() -> None:
    checked(tool("hadolint"), str(DEPLOY / "Dockerfile"))


def test_the_image_has_what_it_copies() -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert len(names) >= 7 and [name for name in names if not (ROOT / name).exists()] == []


def documents(path: Path) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(path))


def validate(document: dict[str, Any]) -> None:
    library = pytest.importorskip("kubernetes_validate", reason="it is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own dependencies
        library.validate(document, library.latest_version(), strict=True)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_follow_the_schema_of_kubernetes(path: Path) -> None:
    found = documents(path)
    assert found
    for document in found:
        if document["apiVersion"] != "ray.io/v1":
            validate(document)


def test_the_pods_of_the_ray_cluster_follow_it_too() -> None:
    """KubeRay's own schema is in no registry: its pods are those of Kubernetes."""
    (job,) = documents(DEPLOY / "kubernetes/ray-cluster.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    assert len(groups) == 2
    for group in groups:
        assert isinstance(group["rayStartParams"], dict)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
        validate(pod | {"spec": group["template"]["spec"]})
    workers = cluster["workerGroupSpecs"][0]
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]


def test_a_wrong_manifest_is_noticed() -> None:
    service, job = documents(DEPLOY / "kubernetes/train.yaml")
    job["spec"]["template"]["spec"]["containers"][0]["comand"] = ["torchrun"]
    with pytest.raises(Exception, match="comand"):
        validate(job)
    validate(service)


SLURM = {
    "SLURM_JOB_NODELIST": "n[1-2]",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_CPUS_PER_TASK": "3",
    "SLURM_GPUS_ON_NODE": "4",
    "SLURM_JOB_ID": "77",
}
# Slow to name the second node: who reads the first and hangs up kills it by SIGPIPE.
SCONTROL = "echo n1; sleep 0.2; echo n2"
NOTE = 'echo "$(basename "$0") $*" >> "$NOTES"'


def run_script(name: str, folder: Path) -> list[str]:
    """The script with stand-ins for what a cluster has; the commands that it gave, in order."""
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    for program, text in {
        "scontrol": SCONTROL,
        **dict.fromkeys(("srun", "ray", "dvc"), NOTE),
    }.items():
        (programs / program).write_text(f"#!/bin/bash\n{text}\n")
        (programs / program).chmod(0o755)
    notes = folder / "notes"
    own = SLURM | {"SLURM_SUBMIT_DIR": str(folder), "NOTES": str(notes)}
    checked_in = {**os.environ, **own}
    run = subprocess.run(
        ["bash", str(DEPLOY / "slurm" / name)], env=checked_in, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return notes.read_text().splitlines()


def test_a_training_meets_at_its_first_node(tmp_path: Path) -> None:
    (said,) = run_script("train.sbatch", tmp_path)
    assert said.startswith("srun --kill-on-bad-exit=1 torchrun --nnodes=2 --nproc-per-node=4 ")
    assert "--rdzv-id=77" in said and "--rdzv-endpoint=n1:29500" in said
    *_, module, package, stage = said.split()
    assert (module, package) == ("-m", "pipeline") and stage in STAGES


def test_a_cluster_is_started_used_and_stopped(tmp_path: Path) -> None:
    said = run_script("data.sbatch", tmp_path)
    assert said[0].startswith("ray start --head --node-ip-address=n1 --port=6379 --num-cpus=3")
    # The other nodes are asked in the background: on a busy machine the stand-ins are done before.
    (others,) = (line for line in said if line.startswith("srun"))
    assert others.startswith("srun --nodes=1 --ntasks=1 --exclude=n1 ray start --address=n1:")
    assert [line for line in said[1:] if line != others] == ["dvc repro crop", "ray stop"]
