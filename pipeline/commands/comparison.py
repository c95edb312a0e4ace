"""Systems trained and measured alike: the same shards, images seen, seeds and evaluator."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from pipeline.config.preconditions import DVC_FILE
from pipeline.params.section import PARAMS_PATH, read
from pipeline.runtime.code_closure import ROOT

# The stages that a run consists of; all before them are shared.
STAGES = ("train", "evaluate")
SHARED = ("crop", "train_features", "filter_people")


@dataclass(frozen=True)
class System:
    """What is compared."""

    name: str
    recipe: str
    options: Mapping[str, Any]  # of the recipe; what is left out is as the preset has it
    train: dict[str, Any] = field(default_factory=dict)  # what differs in the section `train`


def compare(
    systems: Sequence[System], seeds: Sequence[int], project: Path, folder: Path
) -> pd.DataFrame:
    """A row for each system, seed, method and metric.

    On the shards of `project`, with its params.yaml but for what is compared; each run is kept in
    `folder`.
    """
    tables = []
    for system, seed in _runs(systems, seeds):
        print(f"compare: {system.name}, seed {seed}", file=sys.stderr)
        metrics = measure(system, seed, project, folder / f"{system.name}-{seed}")
        tables.append(rows_of(metrics).assign(system=system.name, seed=seed))
    return pd.concat(tables, ignore_index=True)


def _runs(systems: Sequence[System], seeds: Sequence[int]) -> Iterator[tuple[System, int]]:
    """All systems with the first seed, then with the next: a run cut short compares all."""
    for seed in seeds:
        for system in systems:
            yield system, seed


def measure(system: System, seed: int, project: Path, folder: Path) -> dict[str, Any]:
    """Trains and evaluates `system` on the shards of `project`, by the stages' own commands.

    `folder` becomes a project of its own, whose SHARED folders are links. A training that was
    stopped goes on, and a finished one is only taken up. Returns what the stage `evaluate` found.
    """
    _set_up(folder, params_of(system, seed, project), project)
    for stage in STAGES:
        command = [sys.executable, "-m", "pipeline", stage]
        environment = os.environ | {"DVC_ROOT": ".", "PYTHONPATH": str(ROOT)}
        run = subprocess.run(command, cwd=folder, env=environment, check=False)
        if run.returncode:
            raise ValueError(f"{system.name}: `{stage}` failed in {folder}; see above")
    metrics: dict[str, Any] = json.loads((folder / "data/evaluate/figures.json").read_text())
    return metrics


def params_of(system: System, seed: int, project: Path) -> dict[str, Any]:
    """The project's params.yaml, with what makes the run."""
    params = read(project / PARAMS_PATH)
    params["train"] |= {"recipe": system.recipe, "seed": seed} | system.train
    params["recipes"][system.recipe] = dict(system.options)
    params["runtime"]["shards"] = "disk"  # they are linked into the run's own project
    return params


def _set_up(folder: Path, params: dict[str, Any], project: Path) -> None:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    with (folder / PARAMS_PATH).open("w") as file:
        YAML().dump(params, file)
    # By which the stages know what they need, and that this is a project.
    shutil.copyfile(ROOT / DVC_FILE, folder / DVC_FILE)
    for shared in SHARED:
        link, source = folder / "data" / shared, (project / "data" / shared).resolve()
        if not source.is_dir():
            raise ValueError(f"{source} is missing: run `dvc repro {shared}` first")
        link.unlink(missing_ok=True)
        link.symlink_to(source, target_is_directory=True)


def rows_of(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """method, metric, value: of what `evaluate` found."""
    rows = [
        {"method": method, "metric": metric, "value": float(value)}
        for method, values in metrics.items()
        if isinstance(values, dict)
        for metric, value in values.items()
    ]
    return pd.DataFrame(rows)
