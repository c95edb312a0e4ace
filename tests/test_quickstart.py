"""The notebook docs/quickstart.ipynb, run from a clone as its reader runs it."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from pipeline.runtime.code_closure import ROOT
from support.project import Project

NOTEBOOK = Path("docs/quickstart.ipynb")


def notebook(folder: Path) -> Any:
    return nbformat.read(folder / NOTEBOOK, as_version=4)


def test_the_notebook_has_ten_cells_and_no_outputs() -> None:
    """So that it is read on any forge, and a run leaves nothing to commit."""
    found = notebook(ROOT)
    nbformat.validate(found)
    assert [cell.cell_type for cell in found.cells] == ["markdown", "code"] * 5
    for cell in found.cells[1::2]:
        assert cell.outputs == [] and cell.execution_count is None


@pytest.mark.slow
def test_the_notebook_runs_and_leaves_the_project_as_it_was(
    tmp_path: Path,
    demo_detector: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    project = Project(tmp_path / "project")
    project.commit()
    # Workers listen on sockets in it, whose paths may have some 100 characters.
    temporary = tempfile.mkdtemp()
    request.addfinalizer(lambda: shutil.rmtree(temporary))
    monkeypatch.setenv("TMPDIR", temporary)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    monkeypatch.delenv("DVC_ROOT", raising=False)
    found = notebook(project.folder)
    place = {"metadata": {"path": project.folder / NOTEBOOK.parent}}
    NotebookClient(found, kernel_name="python3", resources=place).execute()
    assert project.run("git", "status", "--short", "--ignored") == ""
    cells = found.cells[1::2]
    said = ["".join(each.get("text", "") for each in cell.outputs) for cell in cells]
    images = ["image/png" in cell.outputs[-1].get("data", {}) for cell in cells]
    assert images == [False, True, False, True, True]
    assert "generator.safetensors" in said[2]
    assert all(name in said[4] for name in ("model", "Telea", "patch copy", "harmonic"))
