"""The sides of the photo."""

from typing import Any

import numpy as np
import pytest

from support.cutters import cutter

EACH = {
    "left": [0, 0, 64, 16],
    "right": [0, 48, 64, 16],
    "top": [0, 0, 16, 64],
    "bottom": [48, 0, 16, 64],
}
BOXES = {"left": [18, 0], "right": [18, 36], "top": [0, 18], "bottom": [36, 18]}


@pytest.mark.parametrize("side", EACH)
def test_one_side(side: str) -> None:
    holes = cutter("strip", sides=[side]).cut("a", 3)
    assert holes.rectangles.tolist() == [[EACH[side]]] * 3
    assert holes.masks.sum() == 3 * 64 * 16
    assert holes.boxes.tolist() == [[*BOXES[side], 28, 28]] * 3, "centred along the strip"


def test_one_of_several_sides_is_drawn() -> None:
    holes = cutter("strip", sides=list(EACH)).cut("a", 400)
    found, counts = np.unique(holes.rectangles[:, 0], axis=0, return_counts=True)
    assert sorted(found.tolist()) == sorted(EACH.values())
    assert counts.min() > 70


def test_all_sides_at_once() -> None:
    holes = cutter("strip", sides=["left", "right"], cut="all").cut("a", 100)
    assert holes.rectangles.tolist() == [[EACH["left"], EACH["right"]]] * 100
    assert (holes.masks.sum(axis=(1, 2)) == 2 * 64 * 16).all()
    boxes, counts = np.unique(holes.boxes, axis=0, return_counts=True)
    assert boxes.tolist() == [[18, 0, 28, 28], [18, 36, 28, 28]] and counts.min() > 30
    frame = cutter("strip", sides=list(EACH), cut="all").cut("a", 1)
    assert frame.masks.sum() == 64**2 - 32**2 and not frame.masks[0, 16:48, 16:48].any()


def test_widths_are_uniform_over_their_shares() -> None:
    options: dict[str, Any] = {"sides": ["top", "bottom"], "cut": "all"}
    holes = cutter("strip", share_min=0.1, share_max=0.25, **options).cut("a", 600)
    heights = holes.rectangles[..., 2]
    assert [set(heights[:, strip]) for strip in (0, 1)] == [set(range(6, 17))] * 2
    assert (heights[:, 0] != heights[:, 1]).any(), "each strip has its own"


def test_wide_strips_keep_their_box() -> None:
    holes = cutter("strip", share_min=0.5, share_max=0.5).cut("a", 1)
    assert holes.boxes.tolist() == [[18, 34, 28, 28]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sides": []}, "holes.strip.sides is"),
        ({"sides": ["up"]}, "holes.strip.sides.0 is 'up', but"),
        ({"sides": ["top", "top"]}, "every side may be named once"),
        ({"share_min": 0.5}, "share_min is 0.5 but must be <= holes.strip.share_max .0.25."),
        ({"share_min": 0.001}, "share_min is 0.001, which is no pixel of downscale.image_size"),
        ({"share_max": 0.995}, "strips of 64 px leave nothing of downscale.image_size .64."),
        (
            {"sides": ["top", "bottom"], "cut": "all", "share_max": 0.495},
            "strips of 32 px from two opposite sides at once leave nothing",
        ),
    ],
)
def test_what_does_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cutter("strip", **changes)
    assert cutter("strip", sides=["top", "left"], cut="all", share_max=0.5).cut("a", 9)
