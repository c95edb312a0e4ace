"""Draws holes of the chosen kind and the boxes around them, for the shards and for the training.

A kind is a file in pipeline/hole_kinds/. Only the chosen one is imported, so that an edit of
another one reruns nothing.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

from pipeline.holes.drawn_holes import DrawnHoles, Masks, Rectangles, boxes_around
from pipeline.holes.draws import Draws
from pipeline.holes.options import HoleOptions
from pipeline.params.section import check


class HoleKind(Protocol):
    """What the file of a kind offers."""

    OPTIONS: type[HoleOptions]

    def draw(self, draws: Draws, num: int, image_size: int, options: Any) -> DrawnHoles:
        """The holes of `num` photos of `image_size` px."""


class CutHoles(NamedTuple):
    """The holes of N photos of S x S px, and their boxes."""

    masks: Masks  # (N, S, S), True = pixels to complete
    rectangles: Rectangles  # (N, K, 4) [top, left, height, width]; K = 0 for other shapes
    boxes: Rectangles  # (N, 4)


@dataclass(frozen=True)
class HoleCutter:
    """Cuts holes of one kind into photos of one size."""

    kind: str
    options: HoleOptions  # of that kind
    image_size: int  # px
    box_size: int  # px

    @classmethod
    def of_meta(cls, meta: Mapping[str, Any]) -> "HoleCutter":
        """As the shards with this metadata were cut."""
        kind = meta["kind"]
        options = check(f"holes.{kind}", hole_kind(kind).OPTIONS, meta["holes"])
        return cls(kind, options, meta["image_size"], meta["box_size"])

    def cut(self, text: str, num: int) -> CutHoles:
        """`num` holes that are a function of `text`, the kind, its options and the sizes."""
        kind = hole_kind(self.kind)
        holes = kind.draw(Draws(text), num, self.image_size, self.options)
        assert holes.masks.shape == (num, self.image_size, self.image_size)
        num_pixels = holes.masks.sum(axis=(1, 2))
        assert (num_pixels > 0).all(), f"{self.kind}: a photo without a hole"
        assert (num_pixels < self.image_size**2).all(), f"{self.kind}: a photo without context"
        return CutHoles(holes.masks, holes.rectangles, boxes_around(holes, self.box_size))


def hole_kind(name: str) -> HoleKind:
    """The file of kind `name`."""
    module = f"pipeline.hole_kinds.{name}"
    try:
        return cast(HoleKind, importlib.import_module(module))
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    raise ValueError(
        f"holes of kind {name!r} are unknown here: run `dvc repro crop` to cut the shards anew"
    )


def hole_path(name: str) -> str:
    """The file of kind `name`, from the project's root."""
    return f"pipeline/hole_kinds/{name}.py"
