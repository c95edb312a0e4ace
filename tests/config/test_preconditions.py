"""Every command where something is missing: a project, an input, or the end of who makes it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.config.preconditions import Line, find_project
from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.running import is_running, running

ARGUMENTS = {
    **{stage: [] for stage in cli.STAGES},
    "use": ["sample"],
    "options": ["ganscape"],
    "compare": [],
    "export": [],
    "runs": [],
    "complete": ["photo.jpg", "--hole", "0,0,8,8"],
    "outpaint": ["photo.jpg"],
    "schema": [],
    "check": [],
    "plan": [],
    "results": [],
    "watch": ["--once"],
    "thresholds": [],
    "explain": ["photo.jpg"],
    "web": [],
    "doctor": [],
    "verify": [],
    "record": [],
    "clean": [],
}
# What a command lacks in a fresh clone, who makes it, and which stages that takes.
LACKS = {
    "index": ("download/photos.tar.sha256", "download", "download"),
    "filter_categories": ("index/index.parquet", "index", "index"),
    "detect_people": ("download/photos.tar.sha256", "download", "filter_categories"),
    "filter_people": ("download/photos.tar.sha256", "download", "detect_people"),
    "downscale": ("download/photos.tar.sha256", "download", "filter_people"),
    "crop": ("downscale/shards", "downscale", "downscale"),
    "train_features": ("crop/train", "crop", "crop"),
    "train": ("crop/train", "crop", "crop"),
    "evaluate": ("crop/test", "crop", "train train_features"),
    "report": ("crop/meta.json", "crop", "evaluate"),
    "compare": ("crop/train", "crop", "train_features"),
    "results": ("filter_people/funnel.json", "filter_people", "evaluate"),
    "thresholds": ("index/index.parquet", "index", "detect_people"),
    "explain": ("index/index.parquet", "index", "index"),
    **dict.fromkeys(
        ("export", "complete", "outpaint"), ("train/generator.safetensors", "train", "train")
    ),
}
# Run a server or a minute of work, or do what they are for: their own tests hold them.
OTHERS = {"download", "use", "options", "runs", "schema", "check", "plan", "watch", "web"}
OTHERS |= {"doctor", "verify", "record", "clean"}

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as the user does: its exit code and what it printed."""
    monkeypatch.delenv("DVC_ROOT", raising=False)

    def run(folder: Path, name: str, *arguments: str) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["scenefill", name, *arguments])
        try:
            cli.main()
        except SystemExit as stop:
            return int(stop.code or 0), "".join(capsys.readouterr())
        raise AssertionError("typer always exits")

    return run


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What git has of a project before anything was run, as far as commands look at it."""
    folder = tmp_path / "clone"
    (folder / "notes/deep").mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, folder)
    return folder


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_every_command_is_tried() -> None:
    commands = {
        command.name or command.callback.__name__ for command in cli.app.registered_commands
    }
    assert set(ARGUMENTS) == commands == set(LACKS) | OTHERS


@pytest.mark.parametrize("name", ARGUMENTS)
def test_outside_of_a_project(name: str, tmp_path: Path, run: Run) -> None:
    code, output = run(tmp_path, name, *ARGUMENTS[name])
    assert code == 1
    assert output.startswith("error: ") and output.count("\n") == 1
    assert f"{tmp_path} is in no" in output or f"{tmp_path} is in none" in output
    assert files_in(tmp_path) == [], "nothing is written there"


@pytest.mark.parametrize("name", LACKS)
@pytest.mark.parametrize("folder", [".", "notes/deep"])
def test_in_a_fresh_clone(name: str, folder: str, clone: Path, run: Run) -> None:
    code, output = run(clone / folder, name, *ARGUMENTS[name])
    path, maker, stages = LACKS[name]
    assert code == 1
    assert output.splitlines()[0] == (
        f"error: {name} needs data/{path}, which `{maker}` makes and which is not there: run "
        f"`dvc repro {stages}`, or `dvc pull`"
    )
    assert "Traceback" not in output
    assert files_in(clone / "notes") == ["deep"]
    assert not (clone / "data").exists()


@pytest.mark.parametrize("name", ["evaluate", "results", "complete", "export"])
def test_while_an_input_is_made(
    name: str, clone: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As dvc removes outs before their stage runs, they are not there all the while."""
    line = Line()
    monkeypatch.chdir(clone)
    for out in {out for stage in cli.STAGES for out in line.inputs(stage)} | {
        "data/evaluate/figures.json"
    }:
        if "train/" not in out:
            Path(out).parent.mkdir(parents=True, exist_ok=True)
            Path(out).touch()
    with running("train"):
        code, output = run(clone, name, *ARGUMENTS[name])
    assert code == 1 and "Traceback" not in output
    assert "`train`" in output and "is running" in output and "wait for it" in output
    assert "dvc repro" not in output


def test_a_stage_waits_for_no_old_input(
    clone: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that was called by its own command leaves its former outs until its end."""
    monkeypatch.chdir(clone)
    for out in Line().inputs("train"):
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).touch()
    with running("crop"):
        code, output = run(clone, "train")
    assert code == 1
    assert output.startswith("error: train needs what `crop` makes, which is running: wait for it")


def test_the_same_stage_runs_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.runtime.running.PATIENCE", 0.0)
    assert not is_running("train") and files_in(tmp_path) == []
    with running("train"):
        assert is_running("train") and not is_running("crop")
        with pytest.raises(ValueError, match="`train` is running here already"), running("train"):
            raise AssertionError("entered")
    assert not is_running("train")
    # Of several processes that train together one has the mark.
    with running("train"):
        monkeypatch.setenv("RANK", "1")
        with running("train"):
            pass


def test_paths_are_those_of_the_folder_where_they_were_typed(clone: Path, run: Run) -> None:
    here = clone / "notes/deep"
    code, output = run(here, "complete", "no.jpg", "--hole", "0,0,8,8", "--model", "mine")
    assert code == 1 and f"{here}/no.jpg: there is no such file" in output
    code, output = run(here, "export", "--model", "mine")
    assert code == 1 and f"{here}/mine holds no generator.safetensors" in output


def test_a_folder_of_somebody_else_s_dvc_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {train: {cmd: python train.py}}\n")
    assert find_project(tmp_path) is None
    assert find_project(ROOT / "pipeline/stages") == ROOT


def test_every_input_is_an_out_of_another_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    monkeypatch.chdir(ROOT)
    for stage in cli.STAGES:
        for path in line.inputs(stage):
            assert line.maker(path) != stage and line.maker(path) in cli.STAGES
    assert set(line.inputs("crop")) == {
        "data/downscale/shards",
        "data/downscale/manifest.parquet",
        "data/filter_people/splits.parquet",
    }
    assert line.before("crop") == set(cli.STAGES) - {
        *("crop", "train_features", "train", "evaluate", "report")
    }
