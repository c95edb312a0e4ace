"""Sockets lie where their paths fit, whatever TMPDIR is."""

import os
from pathlib import Path

import pytest

from pipeline.runtime.socket_folder import LONGEST_PATH, SHORT_FOLDERS, socket_folder
from support.project import Project


def test_a_stage_with_workers_runs_under_a_long_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real command: that of a test's own process may have sockets already."""
    project = Project(tmp_path / "project")
    project.set("runtime.workers", 2)
    project.set("sources.synthetic.num_photos", 40)
    temporary = tmp_path / ("long" * 30)
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    assert "download: done" in project.run("python", "-m", "pipeline", "download")
    assert len(os.fsencode(temporary)) > LONGEST_PATH
    assert list(temporary.glob("pymp-*")) == []


@pytest.mark.slow
def test_a_ray_cluster_of_this_machine_starts_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    project = Project(tmp_path / "project")
    project.set("runtime.engine", "ray")
    project.set("sources.synthetic.num_photos", 40)
    temporary = tmp_path / ("long" * 30)
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    assert "download: done" in project.run("python", "-m", "pipeline", "download")


def test_the_wanted_folder_is_taken_up_to_the_last_byte(tmp_path: Path) -> None:
    room = LONGEST_PATH - len(os.fsencode(tmp_path))
    assert socket_folder(str(tmp_path), room) == str(tmp_path)
    assert socket_folder(str(tmp_path), room + 1) in SHORT_FOLDERS


def test_without_any_folder_the_error_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.runtime.socket_folder.SHORT_FOLDERS", ("/nowhere",))
    with pytest.raises(ValueError, match=r"may have 10 bytes: .*Set TMPDIR to a folder"):
        socket_folder(str(tmp_path), LONGEST_PATH - 10)
