"""Holes of any kind for tests, with the sample's options."""

from typing import Any

from ruamel.yaml import YAML

from pipeline.config.profiles import render
from pipeline.holes.cutter import HoleCutter

OPTIONS: dict[str, dict[str, Any]] = YAML(typ="safe").load(render("sample"))["holes"]
KINDS = list(OPTIONS)


def cutter(kind: str, image_size: int = 64, box_size: int = 28, **changes: Any) -> HoleCutter:
    """As a training makes it from the shards' metadata, with `changes` of the options."""
    sizes = {"image_size": image_size, "box_size": box_size}
    made = HoleCutter.of_meta(sizes | {"kind": kind, "holes": OPTIONS[kind] | changes})
    made.options.check_sizes(image_size, box_size)
    return made
