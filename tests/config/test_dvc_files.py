"""Files of DVC's own that were left half written, as DVC itself meets them."""

import pytest

from support.project import Project

STAGE = "schema: '2.0'\nstages:\n  download:\n    cmd: "


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / ".dvc/tmp").mkdir(parents=True, exist_ok=True)
    return project


@pytest.mark.parametrize(
    ("name", "half", "dvc_says"),
    [
        (".dvc/tmp/rwlock", "", "JSON structure is corrupted"),
        ("dvc.lock", "schema: '2.0'\nstages:\n  download: {cmd: [", "is invalid"),
        ("dvc.lock", "", "validation failed"),
        ("dvc.lock", STAGE[:-1], "validation failed"),
        ("dvc.lock", STAGE + "x\n    deps:\n", "validation failed"),
    ],
)
def test_check_says_what_lets_dvc_go_on(
    project: Project, name: str, half: str, dvc_says: str
) -> None:
    path = project.folder / name
    path.write_text(half)
    said = project.run("dvc", "repro", "--single-item", "download", code=255)
    assert dvc_says in said and f"rm {name}" not in said
    said = project.run("python", "-m", "pipeline", "check", code=1)
    assert f"{name} is damaged: run " in said and f"`rm {name}`" in said
    path.unlink()
    assert "params.yaml is fine" in project.run("python", "-m", "pipeline", "check")
    project.run("dvc", "repro", "--dry", "download")
