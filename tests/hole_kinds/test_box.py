"""Rectangles."""

from collections import Counter

import pytest

from support.cutters import cutter


def test_sides_are_uniform_and_every_place_is_reached() -> None:
    holes = cutter("box").cut("a", 4000)
    for side in (2, 3):
        counts = Counter(holes.rectangles[:, 0, side].tolist())
        assert sorted(counts) == [20, 21, 22, 23, 24, 25]
        assert min(counts.values()) > 0.8 * 4000 / 6
    corners = holes.rectangles[..., :2]
    ends = corners + holes.rectangles[..., 2:]
    assert corners.min() == 0 and ends.max() == 64
    assert holes.masks.any(axis=(0, 1)).all() and holes.masks.any(axis=(0, 2)).all()


def test_several_holes_a_photo() -> None:
    holes = cutter("box", num_holes=3, side_min=4, side_max=8).cut("a", 200)
    assert holes.rectangles.shape == (200, 3, 4)
    areas = holes.rectangles[..., 2:].prod(axis=2)
    num_pixels = holes.masks.sum(axis=(1, 2))
    assert (num_pixels <= areas.sum(axis=1)).all() and (num_pixels >= areas.max(axis=1)).all()
    assert (num_pixels == areas.sum(axis=1)).any(), "mostly apart"
    ends = holes.rectangles[:, 0, :2] + holes.rectangles[:, 0, 2:]
    assert (holes.boxes[:, :2] <= holes.rectangles[:, 0, :2]).all()
    assert (ends <= holes.boxes[:, :2] + 28).all(), "the box is around the first"


def test_one_hole_is_the_first_of_no_other_number() -> None:
    """The number is one of the options: it decides all that is drawn."""
    one, two = (cutter("box", num_holes=num).cut("a", 4).rectangles for num in (1, 2))
    assert not (one[:, 0] == two[:, 0]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side_max": 29}, "holes.box.side_max is 29 but must be <= crop.box_size .28."),
        ({"side_min": 26}, "holes.box.side_min is 26 but must be <= holes.box.side_max .25."),
        ({"num_holes": 7}, "7 holes of up to 25 x 25 px could cover the whole image of 64 x 64"),
    ],
)
def test_what_does_not_fit(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cutter("box", **changes)


def test_a_hole_as_large_as_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="1 holes of up to 64 x 64 px could cover the whole"):
        cutter("box", box_size=64, side_max=64)
    assert (
        cutter("box", box_size=64, side_min=63, side_max=63).cut("a", 30).masks.sum() == 30 * 63**2
    )
