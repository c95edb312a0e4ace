"""A command whose extra is not installed says in one line what to install."""

import sys
import tomllib
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.commands.export import export
from pipeline.export.onnx_network import open_session
from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.extras import require_extra
from pipeline.tracking.trackers import open_trackers


def take_away(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed


def test_the_page_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    take_away(monkeypatch, "gradio")
    monkeypatch.setattr(sys, "argv", ["scenefill", "web"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "scenefill web needs gradio" in said
    assert "install it with: pip install 'scenefill[web]'" in said and "Traceback" not in said


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_tracker_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    take_away(monkeypatch, name)
    with (
        pytest.raises(
            ValueError, match=rf"trackers: {name} needs {name}.*pip install 'scenefill\[trackers\]'"
        ),
        open_trackers([name], tmp_path, run_name="a", step=0, config={}, networks={}),
    ):
        pass


def test_onnx_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("generator.safetensors", "config.json"):
        (tmp_path / name).touch()
    take_away(monkeypatch, "onnxruntime")
    with pytest.raises(ValueError, match=r"onnxruntime, which.*pip install 'scenefill\[export\]'"):
        open_session(tmp_path / "generator.onnx")
    with pytest.raises(ValueError, match=r"pip install 'scenefill\[export\]'"):
        export(tmp_path, ["onnx"], tmp_path.parent / "out")
    take_away(monkeypatch, "onnxscript")
    with pytest.raises(ValueError, match="onnxscript, onnxruntime, which"):
        export(tmp_path, ["all"], tmp_path.parent / "out")


def test_what_is_installed_passes() -> None:
    require_extra("web", "gradio", what="this test")


def test_every_extra_that_is_named_is_one_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {"web", "trackers", "export", "ray", "hub", "buckets"}
    assert set(project["optional-dependencies"]) == extras
    names = [entry for entries in project["optional-dependencies"].values() for entry in entries]
    assert not {entry.split(">")[0] for entry in project["dependencies"]} & {
        entry.split(">")[0] for entry in names
    }
