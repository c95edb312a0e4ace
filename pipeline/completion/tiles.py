"""Squares that overlap by half or more, and the weights by which they are blended."""

import numpy as np

from pipeline.shards.rectangle import Rectangle


def tiles_over(box: Rectangle, side: int) -> list[Rectangle]:
    """Squares of `side` px, or less where the box is narrower, that overlap by half or more."""
    height, width = min(side, box.height), min(side, box.width)
    return [
        Rectangle(box.top + top, box.left + left, height, width)
        for top in starts(box.height, height)
        for left in starts(box.width, width)
    ]


def starts(length: int, side: int) -> list[int]:
    """From 0 to `length` - `side`, evenly, at most half a side apart."""
    num_steps = -(-(length - side) // max(1, side // 2))
    return [round(start) for start in np.linspace(0, length - side, num_steps + 1)]


def bell(length: int) -> np.ndarray:
    """(length,) float32: a raised cosine, above 0 also at both ends."""
    return np.sin(np.pi * (np.arange(length, dtype=np.float32) + 0.5) / length) ** 2
