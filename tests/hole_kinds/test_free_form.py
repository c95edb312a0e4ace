"""Strokes of a brush."""

from typing import Any

import numpy as np
import pytest
from skimage.measure import label

from support.cutters import cutter


def shares(num: int = 300, **changes: Any) -> np.ndarray:
    return cutter("free_form", **changes).cut("a", num).masks.mean(axis=(1, 2))


def test_most_holes_of_the_sample_take_a_tenth_to_three_tenths() -> None:
    found = shares(1000)
    assert np.mean((found >= 0.1) & (found <= 0.3)) > 0.8
    assert 0.15 < np.median(found) < 0.22


@pytest.mark.parametrize("image_size", [16, 28, 64, 128])
@pytest.mark.parametrize("share_max", [0.15, 0.4])
def test_no_hole_covers_more_than_share_max(image_size: int, share_max: float) -> None:
    """Not even by the thickest brush, and its first dot."""
    many = {"strokes_min": 8, "strokes_max": 8, "width_min": 0.3, "width_max": 0.3}
    found = shares(image_size=image_size, box_size=4, share_max=share_max, **many)
    assert 0 < found.min() and found.max() <= share_max
    assert found.max() > 0.7 * share_max, "it is the strokes that end, not the hole that is small"


def test_no_more_pieces_than_strokes() -> None:
    for num_strokes in (1, 3):
        strokes = {"strokes_min": num_strokes, "strokes_max": num_strokes}
        masks = cutter("free_form", **strokes).cut("a", 100).masks
        pieces = [label(mask, connectivity=2).max() for mask in masks]
        assert 1 <= min(pieces) and max(pieces) == num_strokes


def test_the_brush_is_round_and_as_thick_as_told() -> None:
    """Strokes without length leave its print: 0.125 of 64 px are 8, and 9 with the middle."""
    dot = {"strokes_min": 1, "strokes_max": 1, "length_max": 0.001}
    masks = cutter("free_form", **dot, width_min=0.125, width_max=0.125).cut("a", 200).masks
    inner = [mask for mask in masks if not (mask[[0, -1]].any() or mask[:, [0, -1]].any())]
    assert len(inner) > 100
    prints = [mask for mask in inner if mask.any(axis=0).sum() == mask.any(axis=1).sum() == 9]
    assert len(prints) > 0.6 * len(inner), "the others cross from a pixel to the next"
    for mask in prints:
        assert abs(mask.sum() - np.pi * 4.5**2) < 6


def test_strokes_stay_in_the_photo_and_reach_all_of_it() -> None:
    masks = cutter("free_form").cut("a", 500).masks
    often = masks.mean(axis=0)
    assert often.min() > 0
    for border in (often[0], often[-1], often[:, 0], often[:, -1]):
        assert 0.3 < border.mean() / often.mean() < 1, "mirrored there, not lost or piled up"


def test_the_thinnest_brush_is_a_pixel_wide() -> None:
    found = cutter("free_form", width_min=0.001, width_max=0.001).cut("a", 50).masks
    assert found.sum(axis=(1, 2)).min() >= 1


def test_the_box_is_around_what_it_can_hold() -> None:
    options = {"strokes_min": 1, "strokes_max": 1, "vertices_max": 1, "length_max": 0.2}
    holes = cutter("free_form", **options).cut("a", 100)
    for mask, (top, left, height, width) in zip(holes.masks, holes.boxes.tolist(), strict=True):
        assert mask[top : top + height, left : left + width].sum() == mask.sum()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strokes_min": 6}, "strokes_min is 6 but must be <= holes.free_form.strokes_max .5."),
        ({"width_min": 0.2}, "width_min is 0.2 but must be <= holes.free_form.width_max .0.15."),
        ({"share_max": 0.1}, "holes.free_form.share_max is 0.1, but"),
        ({"strokes": 3}, "free_form.strokes is unknown: did you mean `strokes_m(in|ax)`"),
    ],
)
def test_what_does_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cutter("free_form", **changes)
