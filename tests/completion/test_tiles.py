"""Tiles over a long hole: all of it, none too large, and no more than its length asks for."""

import cv2
import numpy as np
import pytest

from pipeline.completion.holes import bounding
from pipeline.completion.tiles import starts, tiles_over

SIDE = 32


def line(height: int, width: int, thickness: int) -> np.ndarray:
    """From corner to corner."""
    canvas = np.zeros((height, width), np.uint8)
    cv2.line(canvas, (0, 0), (width - 1, height - 1), 1, thickness)
    return canvas.astype(bool)


@pytest.mark.parametrize("thickness", [1, 9, 25])
@pytest.mark.parametrize("size", [(40, 900), (700, 700), (900, 300), (20, 20)])
def test_all_of_a_hole_lies_in_tiles(size: tuple[int, int], thickness: int) -> None:
    hole = line(*size, thickness)
    covered = np.zeros_like(hole)
    for tile in tiles_over(hole, bounding(hole), SIDE):
        assert 0 < max(tile.height, tile.width) <= SIDE
        assert hole[tile.rows, tile.columns].any()
        covered[tile.rows, tile.columns] = True
    assert covered[hole].all()


def test_a_wire_takes_as_many_tiles_as_it_is_long() -> None:
    """Not as many as its box is large: 60 for twice the length of 30."""
    counts = [
        len(tiles_over(wire, bounding(wire), SIDE))
        for wire in (line(length // 3, length, 8) for length in (600, 1200, 2400))
    ]
    assert counts[1] <= 2.1 * counts[0] and counts[2] <= 2.1 * counts[1]
    assert counts[2] <= 1.5 * 2400 / (0.75 * SIDE)


@pytest.mark.parametrize("overlap", [0.25, 0.5])
@pytest.mark.parametrize("length", [32, 33, 56, 57, 500])
def test_neighbours_share_a_part_and_reach_both_ends(length: int, overlap: float) -> None:
    firsts = starts(length, SIDE, overlap)
    assert firsts[0] == 0 and firsts[-1] == length - SIDE
    assert all(b - a <= SIDE * (1 - overlap) for a, b in zip(firsts, firsts[1:], strict=False))
