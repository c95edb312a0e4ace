"""The cut-outs around a hole."""

import numpy as np
import pytest

from pipeline.web import comparison
from pipeline.web.comparison import CUT_OUT_SIDE, compare, cut_out, enlarged


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_every_fill_stands_beside_the_model_and_keeps_what_is_known() -> None:
    photo, mask = noise(64, 64), np.zeros((64, 64), bool)
    mask[20:40, 10:30] = True
    completed = np.where(mask[..., None], np.uint8(9), photo)
    found = compare(photo, completed, mask)
    assert [each.title for each in found] == [
        "the hole",
        "the model",
        "Telea",
        "Navier-Stokes",
        "biharmonic",
        "mean colour",
        "the original",
    ]
    rows, columns = cut_out(mask)
    assert (rows, columns) == (slice(4, 56), slice(0, 46))
    hole = mask[rows, columns]
    assert np.array_equal(found[1].picture, completed[rows, columns])
    assert np.array_equal(found[-1].picture, photo[rows, columns])
    for each in found:
        assert np.array_equal(each.picture[~hole], photo[rows, columns][~hole])


def test_a_large_hole_is_shown_smaller_and_not_solved_for(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, mask = noise(1500, 2000), np.zeros((1500, 2000), bool)
    mask[300:1200, 300:1700] = True
    found = compare(photo, photo, mask)
    assert {max(each.picture.shape[:2]) for each in found} == {CUT_OUT_SIDE}
    assert "biharmonic" not in [each.title for each in found]
    monkeypatch.setattr(comparison, "MAX_BIHARMONIC", 10**9)
    assert "biharmonic" in [
        each.title for each in compare(photo[::20, ::20], photo[::20, ::20], mask[::20, ::20])
    ]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (40, 50)])
def test_a_photo_that_is_all_hole(size: tuple[int, int]) -> None:
    photo = noise(*size)
    found = compare(photo, photo, np.ones(size, bool))
    assert {each.picture.shape for each in found} == {photo.shape}


def test_small_pictures_are_enlarged_by_whole_pixels() -> None:
    assert enlarged(noise(40, 50), 640).shape == (480, 600, 3)
    assert enlarged(noise(400, 500), 640).shape == (400, 500, 3)
