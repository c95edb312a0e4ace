"""Tiles that overlap, and the weights by which they are blended."""

import numpy as np

from pipeline.completion.holes import bounding
from pipeline.shards.rectangle import Rectangle

# Of a tile's side, between two tiles over one hole: what is made twice costs time, and one may fade
# into the other over a few pixels.
OVERLAP = 0.25


def tiles_over(hole: np.ndarray, box: Rectangle, side: int) -> list[Rectangle]:
    """Rectangles of at most `side` px that cover the hole's pixels in `box`, as tight as can be.

    A line across the image takes as many as it is long, not as many as its box is large.
    """
    inside = hole[box.rows, box.columns]
    if not inside.any():
        return []
    tight = bounding(inside)
    box = Rectangle(box.top + tight.top, box.left + tight.left, tight.height, tight.width)
    if max(box.height, box.width) <= side:
        return [box]
    if box.height >= box.width:
        firsts = starts(box.height, side, OVERLAP)
        parts = [Rectangle(box.top + first, box.left, side, box.width) for first in firsts]
    else:
        firsts = starts(box.width, side, OVERLAP)
        parts = [Rectangle(box.top, box.left + first, box.height, side) for first in firsts]
    return [tile for part in parts for tile in tiles_over(hole, part, side)]


def starts(length: int, side: int, overlap: float) -> list[int]:
    """From 0 to `length` - `side`, evenly; neighbours share at least `overlap` of a side."""
    num_steps = -(-(length - side) // max(1, round(side * (1 - overlap))))
    return [round(start) for start in np.linspace(0, length - side, num_steps + 1)]


def bell(length: int) -> np.ndarray:
    """(length,) float32: a raised cosine, above 0 also at both ends."""
    return np.sin(np.pi * (np.arange(length, dtype=np.float32) + 0.5) / length) ** 2
