"""What holes and boxes of every kind have in common."""

import numpy as np
import pytest

from pipeline.holes.cutter import CutHoles, HoleCutter, hole_kind
from pipeline.holes.drawn_holes import DrawnHoles, Masks, boxes_around
from support.cutters import KINDS, cutter

SIZES = [(28, 12), (64, 28), (128, 56), (256, 112)]


def sized(kind: str, image_size: int, box_size: int) -> HoleCutter:
    """The sample's, with sides that fit the digits' size."""
    sides = {"side_min": 9, "side_max": 11} if kind == "box" and image_size == 28 else {}
    return cutter(kind, image_size, box_size, **sides)


def in_box(holes: CutHoles, photo: int) -> Masks:
    top, left, height, width = holes.boxes[photo].tolist()
    return holes.masks[photo, top : top + height, left : left + width]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("image_size", "box_size"), SIZES)
def test_holes_and_boxes_of_every_size(kind: str, image_size: int, box_size: int) -> None:
    holes = sized(kind, image_size, box_size).cut("a", 50)
    assert holes.masks.shape == (50, image_size, image_size) and holes.masks.dtype == bool
    shares = holes.masks.mean(axis=(1, 2))
    assert shares.min() > 0 and shares.max() < 1
    assert holes.boxes.shape == (50, 4) and (holes.boxes[:, 2:] == box_size).all()
    assert holes.boxes[:, :2].min() >= 0 and holes.boxes[:, :2].max() <= image_size - box_size
    assert all(in_box(holes, photo).any() for photo in range(50))


@pytest.mark.parametrize("kind", KINDS)
def test_rectangles_tell_the_mask_or_are_none(kind: str) -> None:
    holes = cutter(kind).cut("a", 20)
    assert holes.rectangles.shape[1] == (0 if kind in ("random_pixels", "free_form") else 1)
    for mask, rectangles in zip(holes.masks, holes.rectangles.tolist(), strict=True):
        drawn = np.zeros_like(mask)
        for top, left, height, width in rectangles:
            drawn[top : top + height, left : left + width] = True
        assert not rectangles or np.array_equal(drawn, mask)


@pytest.mark.parametrize("kind", KINDS)
def test_holes_are_a_function_of_the_text(kind: str) -> None:
    first, again, other = (cutter(kind).cut(text, 5) for text in ("a", "a", "b"))
    for one, two in zip(first, again, strict=True):
        assert np.array_equal(one, two)
    assert np.array_equal(first.masks, other.masks) == (kind in ("center", "strip"))
    varied = cutter("strip", sides=["left", "top"])
    assert not np.array_equal(varied.cut("a", 20).masks, varied.cut("b", 20).masks)


@pytest.mark.parametrize("box_size", [28, 64])
def test_a_box_holds_what_is_no_larger(box_size: int) -> None:
    holes = cutter("box", box_size=box_size).cut("a", 500)
    for photo, ((top, left, height, width),) in enumerate(holes.rectangles.tolist()):
        assert in_box(holes, photo).sum() == height * width
        box_top, box_left, *_ = holes.boxes[photo].tolist()
        if 0 < box_top < 64 - box_size:
            assert box_top == top - (box_size - height) // 2
        if 0 < box_left < 64 - box_size:
            assert box_left == left - (box_size - width) // 2


def drawn(*pixels: tuple[int, int]) -> DrawnHoles:
    """One photo of 64 px with these hole pixels, the focus around all."""
    mask = np.zeros((1, 64, 64), dtype=bool)
    rows, columns = np.array(pixels).T
    mask[0, rows, columns] = True
    top, left = rows.min(), columns.min()
    focus = [[top, left, rows.max() + 1 - top, columns.max() + 1 - left]]
    return DrawnHoles(mask, np.empty((1, 0, 4), dtype=np.int64), np.array(focus))


def test_a_box_is_centred_or_shifted_inward() -> None:
    assert boxes_around(drawn((20, 21), (39, 42)), 28).tolist() == [[16, 18, 28, 28]]
    assert boxes_around(drawn((0, 63)), 28).tolist() == [[0, 36, 28, 28]]


def test_a_box_smaller_than_the_hole_lies_at_its_centroid_on_a_hole_pixel() -> None:
    # Centroid (10, 30): as far from both columns, nearest to the first of the two pixels in row 10.
    pair = [(row, column) for row in (5, 10, 15) for column in (10, 50)]
    assert boxes_around(drawn(*pair), 9).tolist() == [[6, 6, 9, 9]]
    many_left = [(row, 20) for row in range(64)] + [(0, 63)]
    assert boxes_around(drawn(*many_left), 9).tolist() == [[27, 16, 9, 9]]


def test_unknown_kinds_are_told() -> None:
    with pytest.raises(ValueError, match="holes of kind 'stripe' are unknown here: run `dvc repro"):
        HoleCutter.of_meta({"kind": "stripe"})
    assert hole_kind("strip").OPTIONS.__name__ == "StripOptions"
