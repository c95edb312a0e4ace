"""Grids that a page of the report shows as large as they are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.evaluation.image_grid import (
    BAND_GAP,
    GAP,
    LABEL_WIDTH,
    PAGE_WIDTH,
    SCALE,
    write_grid,
)

SIZE = SCALE * 64 + GAP


def plain(num: int) -> list[np.ndarray]:
    return [np.full((64, 64, 3), 10 * number, dtype=np.uint8) for number in range(num)]


@pytest.mark.parametrize(
    ("num", "num_columns", "bands"), [(1, None, 1), (6, None, 1), (7, None, 2), (12, 4, 3)]
)
def test_what_is_wider_than_a_page_goes_on_below(
    tmp_path: Path, num: int, num_columns: int | None, bands: int
) -> None:
    write_grid({"one": plain(num), "two": plain(num)}, tmp_path / "a.png", num_columns=num_columns)
    grid = np.asarray(Image.open(tmp_path / "a.png"))
    assert grid.shape[1] <= PAGE_WIDTH
    assert grid.shape[0] == bands * 2 * SIZE + (bands - 1) * BAND_GAP
    at_once = num_columns or 6
    for number in range(num):
        band, column = divmod(number, at_once)
        for line in (0, 1):
            top = band * (2 * SIZE + BAND_GAP) + line * SIZE
            left = LABEL_WIDTH + column * SIZE
            assert (grid[top : top + SIZE - GAP, left : left + SIZE - GAP] == 10 * number).all()
