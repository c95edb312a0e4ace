"""The strip that shows one photo over the training."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.training.progress_strip import (
    GAP,
    HEADER,
    MAX_COLUMNS,
    SCALE,
    doubling,
    write_progress_strip,
)

TILE = 8


def grid_of(folder: Path, level: int) -> Path:
    """Two photos side by side in three rows, the first of one grey level."""
    pixels = np.full((3 * TILE, 2 * TILE, 3), 255, dtype=np.uint8)
    pixels[:, :TILE] = level
    path = folder / f"{level}.png"
    Image.fromarray(pixels).save(path)
    return path


def test_the_first_photo_of_each_grid_side_by_side(tmp_path: Path) -> None:
    grids = [(level * 100, grid_of(tmp_path, level)) for level in (10, 20, 30)]
    write_progress_strip(grids, TILE, tmp_path / "strip.png")
    strip = np.asarray(Image.open(tmp_path / "strip.png"))
    side = TILE * SCALE
    assert strip.shape == (HEADER + 3 * side, 3 * (side + GAP), 3)
    for place, level in enumerate((10, 20, 30)):
        left = place * (side + GAP)
        assert (strip[HEADER:, left : left + side] == level).all()
        assert (strip[:HEADER, left : left + side] < 128).any(), "the number of images"


def test_grids_are_ever_further_apart() -> None:
    assert doubling(5) == [0, 1, 2, 3, 4]
    for num in (9, 20, 96, 1000):
        places = doubling(num)
        assert places[0] == 0 and places[-1] == num - 1
        assert len(places) <= MAX_COLUMNS
        distances = np.diff(places)
        assert (distances > 0).all() and (np.diff(distances) >= 0).all()
