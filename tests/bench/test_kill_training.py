"""Trainings killed with `kill -9` and gone on with: the short form of bench/kill_training.py."""

import random
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.runtime.code_closure import ROOT
from support.noise_shards import write_shards
from support.project import Project

sys.path.append(str(ROOT / "bench"))
from kill_training import PARAMS, VICTIMS, Case, kill_and_compare  # noqa: E402


def prepared(folder: Path) -> Project:
    """The stage `train` alone, on shards written by hand: nothing has to run before it."""
    project = Project(folder)
    project.set_all(PARAMS)
    line = YAML(typ="safe").load(folder / "dvc.yaml")
    YAML().dump({"stages": {"train": line["stages"]["train"]}}, folder / "dvc.yaml")
    write_shards(folder / "data/crop", {"train": 11, "val": 5, "test": 0})
    return project


@pytest.mark.slow
def test_killed_trainings_end_as_an_undisturbed_one(tmp_path: Path) -> None:
    """All of it at once, the stage while it writes a checkpoint, and dvc alone; photos from memory
    and from the shards in turn."""
    case = Case("ganscape", {"train.recipe": "ganscape"}, ("host", "stream"))
    found = kill_and_compare(prepared(tmp_path / "prepared"), tmp_path, case, 3, random.Random(0))
    assert [kill.victim for kill in found.kills] == list(VICTIMS)
    assert all(kill.kept_step > 0 for kill in found.kills[1:]), "nothing was gone on with"
    outs = {"generator.safetensors", "config.json", "history", "samples"}
    assert set(found.outs) == {f"data/train/{name}" for name in outs}
    assert found.differing == []
