"""Which generators the page offers, and which one it holds."""

import json
import os
from pathlib import Path

import pytest

from pipeline.web.loaded import Loaded
from pipeline.web.trained import find_trained


def write(folder: Path, recipe: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "generator.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text(json.dumps({"recipe": recipe}))
    return folder


def test_runs_and_exports_are_found_in_order(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert find_trained(data) == []
    for name in ("wgan-1", "glcic-0"):
        write(data / "compare/runs" / name / "data/train", name[:-2])
    write(data / "train", "ganscape")
    (data / "compare/runs/half-0/data/train").mkdir(parents=True)
    (data / "compare/runs/half-0/data/train/config.json").write_text("{}")
    (data / "export").mkdir()
    for name in ("generator.onnx", "generator.onnx.json", "alone.onnx"):
        (data / "export" / name).write_text('{"recipe": "ganscape"}')
    assert [each.title for each in find_trained(data)] == [
        "ganscape, the last training",
        "glcic-0, compared",
        "wgan-1, compared",
        f"ganscape, {data}/export/generator.onnx",
    ]


def test_the_one_that_is_named_comes_first_and_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write(data / "train", "ganscape")
    other = write(tmp_path / "elsewhere", "wgan")
    found = find_trained(data, other)
    assert [each.path for each in found] == [str(other), str(data / "train")]
    assert len(find_trained(data, data / "train")) == 1


def test_one_is_held_until_it_changes(tmp_path: Path) -> None:
    folders = [write(tmp_path / name, name) for name in ("a", "b")]
    asked: list[str] = []

    def load(path: str) -> object:
        asked.append(Path(path).name)
        return object()

    loaded = Loaded(load)
    first = loaded.get(str(folders[0]))
    assert loaded.get(str(folders[0])) is first
    loaded.get(str(folders[1]))
    loaded.get(str(folders[0]))
    assert asked == ["a", "b", "a"]
    os.utime(folders[0] / "generator.safetensors", ns=(1, 1))
    loaded.get(str(folders[0]))
    assert asked == ["a", "b", "a", "a"]


def test_one_that_cannot_be_loaded_is_not_held() -> None:
    def load(path: str) -> object:
        raise ValueError(f"{path} is no trained generator")

    for _ in range(2):
        with pytest.raises(ValueError, match="nowhere is no trained generator"):
            Loaded(load).get("nowhere")
