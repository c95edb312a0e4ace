"""Classical fills of the size of the photo."""

import numpy as np
import pytest

from pipeline.web import classical_fills
from pipeline.web.classical_fills import FILLS, around, fill, titles


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", FILLS)
def test_a_fill_has_the_size_of_the_photo_and_keeps_what_is_known(name: str) -> None:
    photo, mask = noise(80, 60), np.zeros((80, 60), bool)
    mask[20:40, 10:30] = True
    filled = fill(name, photo, mask)
    assert filled.shape == photo.shape
    assert np.array_equal(filled[~mask], photo[~mask])
    assert (filled[mask] != photo[mask]).any()
    assert dict(titles()).keys() == FILLS.keys()


def test_what_is_left_out_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, mask = noise(60, 60), np.zeros((60, 60), bool)
    mask[10:40, 10:40] = True
    monkeypatch.setitem(classical_fills.FILLS, "biharmonic", 899)
    with pytest.raises(ValueError, match="900 px, and is left out of holes above 899 px"):
        fill("biharmonic", photo, mask)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (40, 50)])
def test_a_photo_that_is_all_hole(size: tuple[int, int]) -> None:
    assert fill("telea", noise(*size), np.ones(size, bool)).shape == (*size, 3)


def test_what_a_fill_sees_ends_where_the_photo_does() -> None:
    mask = np.zeros((64, 64), bool)
    mask[20:40, 10:30] = True
    assert around(mask) == (slice(4, 56), slice(0, 46))
