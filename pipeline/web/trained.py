"""Generators that the page offers: what was trained here, and what was exported."""

import json
from pathlib import Path
from typing import NamedTuple

# What `models.generator_files` writes, which would bring torch with it.
WEIGHTS, CONFIG = "generator.safetensors", "config.json"


class Trained(NamedTuple):
    """`path` as `pipeline.api.load` takes it."""

    path: str
    title: str


def find_trained(data: Path, named: Path | None = None) -> list[Trained]:
    """`named` first, then the run of `data`, those that were compared, and the exports."""
    folders = [data / "train", *sorted(data.glob("compare/runs/*/data/train"))]
    found = [path for path in folders if is_trained(path)]
    found += [path for path in sorted(data.glob("export/*.onnx")) if _sidecar(path).is_file()]
    if named is not None:
        found = [named, *(path for path in found if path != named)]
    return [Trained(str(path), _title(path, data)) for path in found]


def is_trained(folder: Path) -> bool:
    """Whether a generator lies in it."""
    return all((folder / name).is_file() for name in (WEIGHTS, CONFIG))


def _title(path: Path, data: Path) -> str:
    """The recipe, and where it lies where that says more."""
    config = path / CONFIG if path.is_dir() else _sidecar(path)
    recipe = json.loads(config.read_text()).get("recipe", "") if config.is_file() else ""
    if path == data / "train":
        return f"{recipe}, the last training"
    if path.is_relative_to(data / "compare" / "runs"):
        return f"{path.relative_to(data / 'compare' / 'runs').parts[0]}, compared"
    return f"{recipe}, {path}" if recipe else str(path)


def _sidecar(path: Path) -> Path:
    """What an exported file's facts stand in: generator.onnx.json."""
    return path.with_name(f"{path.name}.json")
