"""A file of DVC's own that was left half written, as DVC itself meets it."""

from pathlib import Path

from support.project import Project


def test_it_is_named_with_what_lets_dvc_go_on(tmp_path: Path) -> None:
    project = Project(tmp_path)
    rwlock = tmp_path / ".dvc/tmp/rwlock"
    rwlock.parent.mkdir(parents=True, exist_ok=True)
    rwlock.write_text("")
    said = project.run("dvc", "repro", "download", code=255)
    assert "JSON structure is corrupted" in said and "rm " not in said
    said = project.run("python", "-m", "pipeline", "check", code=1)
    assert "run `rm .dvc/tmp/rwlock` while no DVC runs" in said
    rwlock.unlink()
    assert "params.yaml is fine" in project.run("python", "-m", "pipeline", "check")
    project.run("dvc", "repro", "--dry", "download")
