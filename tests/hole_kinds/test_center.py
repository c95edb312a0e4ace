"""The middle of every photo."""

import pytest

from support.cutters import cutter


def test_the_rectangle_is_in_the_middle() -> None:
    holes = cutter("center", height=20, width=31).cut("a", 2)
    assert holes.rectangles.tolist() == [[[22, 16, 20, 31]]] * 2
    assert holes.masks.sum() == 2 * 20 * 31
    assert holes.boxes.tolist() == [[18, 18, 28, 28]] * 2, "inside the wider hole"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 65}, r"holes.center.height is 65 but must be <= downscale.image_size \(64\)"),
        ({"height": 64, "width": 64}, "height and width are 64, the whole image"),
    ],
)
def test_what_does_not_fit(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cutter("center", **changes)


def test_it_may_reach_from_side_to_side() -> None:
    assert cutter("center", height=64, width=10).cut("a", 1).masks.sum() == 64 * 10
