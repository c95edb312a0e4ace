"""Files at which DVC would stop without a usable name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.photo_folder import faults_of
from support.project import Project


def test_links_to_nothing_and_names_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "sea").mkdir()
    (tmp_path / "sea/good.jpg").write_bytes(b"x")
    (tmp_path / "sea/link.jpg").symlink_to("good.jpg")
    assert faults_of(tmp_path) == []
    for number in range(7):
        (tmp_path / f"sea/{number}.jpg").symlink_to("nowhere.jpg")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/sea/caf\xe9.jpg")).write_bytes(b"x")
    links, names = faults_of(tmp_path)
    assert f"{tmp_path}/sea/0.jpg, " in links and "and 2 more are links to nothing" in links
    assert f"{tmp_path}/sea/caf\\xe9.jpg have names that are no UTF-8: rename them" == names
    assert faults_of(tmp_path / "nowhere") == []


def test_pipes_and_links_that_lead_out(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (tmp_path / "other.jpg").write_bytes(b"x")
    (photos / "link.jpg").symlink_to("../other.jpg")
    os.mkfifo(photos / "pipe.jpg")
    pipe, link = faults_of(photos)
    assert pipe.startswith(f"{photos}/pipe.jpg are pipes, sockets or devices, at which DVC waits")
    assert link.startswith(f"{photos}/link.jpg are links that lead out of the folder")


def test_check_and_doctor_name_them(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.set("download.source", "folder")
    project.set("sources.folder.path", "data/photos")
    project.set("detect_people.enabled", False)
    (project.folder / "data/photos/sea").mkdir(parents=True)
    (project.folder / "data/photos/sea/link.jpg").symlink_to("nowhere")
    for command, start in (("check", "error: "), ("doctor", "fault   photos: ")):
        output = project.run("python", "-m", "pipeline", command, code=1)
        assert f"{start}data/photos/sea/link.jpg are links to nothing" in output


@pytest.mark.slow
def test_a_zip_copy_is_told_before_anything_is_installed(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    subprocess.run(["rm", "-rf", ".git"], cwd=project.folder, check=True)
    output = project.run("make", f"PYTHON={sys.executable}", ".venv/.installed", code=2)
    assert "run git init first" in output
    assert not (project.folder / ".venv").exists()
    output = project.run("python", "-m", "pipeline", "doctor", code=1)
    assert "fault   git: " in output and "git init, or, without experiments" in output
