"""Poisson blending: where it writes, what it reads, and what it mends."""

import numpy as np
import pytest

from pipeline.inpainting.poisson_blending import poisson_blended

# (top, left, height, width): inside, in corners, along an edge
HOLES = [(10, 12, 20, 24), (0, 0, 20, 21), (44, 40, 20, 24), (0, 30, 25, 20), (30, 39, 21, 25)]


def mask_of(*holes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((64, 64), dtype=bool)
    for top, left, height, width in holes:
        mask[top : top + height, left : left + width] = True
    return mask


def landscape() -> np.ndarray:
    """Smooth in every direction."""
    rows, columns = np.mgrid[:64, :64]
    waves = [np.sin(rows / 9 + shift) + np.cos(columns / 11 - shift) for shift in (0, 1, 2)]
    return np.rint(127 + 45 * np.stack(waves, axis=2)).astype(np.uint8)


@pytest.mark.parametrize("hole", HOLES)
def test_known_pixels_stay_bit_for_bit(hole: tuple[int, int, int, int]) -> None:
    mask, photo = mask_of(hole), landscape()
    completed = np.where(mask[..., None], np.uint8(90), photo)
    blended = poisson_blended(completed, mask)
    assert (blended[~mask] == photo[~mask]).all()
    assert (blended[mask] != completed[mask]).any()


@pytest.mark.parametrize("hole", HOLES)
def test_a_constant_error_of_colour_goes(hole: tuple[int, int, int, int]) -> None:
    mask, photo = mask_of(hole), landscape()
    off = np.where(mask[..., None], photo + np.uint8(30), photo)
    blended = poisson_blended(off, mask)
    errors = np.abs(blended.astype(int) - photo)[mask]
    assert errors.mean() < 10  # of 30; what stays comes from Telea's flat seam


@pytest.mark.parametrize("hole", HOLES)
def test_everything_stays_in_its_place(hole: tuple[int, int, int, int]) -> None:
    """Also where seamlessClone alone would shift the hole, or pull at the image's border."""
    mask = mask_of(hole)
    top, left, height, width = hole
    row, column = top + height // 2, left + width // 3
    completed = np.full((64, 64, 3), 100, dtype=np.uint8)
    completed[row, column] = 200
    blended = poisson_blended(completed, mask)[..., 0]
    assert np.unravel_index(blended.argmax(), blended.shape) == (row, column)
    assert (np.abs(blended.astype(int) - completed[..., 0]) <= 2).all()


def test_each_hole_takes_its_own_border(completed_twice: tuple[np.ndarray, np.ndarray]) -> None:
    completed, mask = completed_twice
    blended = poisson_blended(completed, mask)
    assert np.abs(blended[10, 20].astype(int) - 50).max() < 8
    assert np.abs(blended[50, 40].astype(int) - 200).max() < 8


@pytest.fixture
def completed_twice() -> tuple[np.ndarray, np.ndarray]:
    """Dark above, bright below, one hole in each, both filled with grey."""
    picture = np.full((64, 64, 3), 50, dtype=np.uint8)
    picture[32:] = 200
    mask = mask_of((2, 10, 20, 20), (40, 30, 20, 20))
    picture[mask] = 125
    return picture, mask


def test_narrow_holes_stay_as_they_are() -> None:
    mask = mask_of((10, 10, 4, 30))
    completed = np.where(mask[..., None], np.uint8(90), landscape())
    assert (poisson_blended(completed, mask) == completed).all()


def test_nothing_to_complete() -> None:
    photo = landscape()
    assert (poisson_blended(photo, np.zeros((64, 64), dtype=bool)) == photo).all()
