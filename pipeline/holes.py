"""Holes and boxes: half-open rectangles (top, left, height, width) in px.

A hole is a pure function of its seed, split and key.
"""

import hashlib
import struct
from typing import NamedTuple

import numpy as np
from PIL import Image


class Rectangle(NamedTuple):
    """Rows top .. top+height-1, columns left .. left+width-1."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.left + self.width)


def sample_hole(
    *, seed: int, split: str, key: str, image_size: int, hole_min: int, hole_max: int
) -> Rectangle:
    """A hole for the sample `key`: sides uniform in hole_min..hole_max, place uniform in the image.

    A hash, not a generator: the same hole in any process, in any order, under any numpy.
    """
    digest = hashlib.sha256(f"{seed}/{split}/{key}".encode()).digest()
    draws = struct.unpack(">4Q", digest)
    # Modulo of a 64-bit draw by less than 2**10: the bias is below 2**-54.
    height = hole_min + draws[0] % (hole_max - hole_min + 1)
    width = hole_min + draws[1] % (hole_max - hole_min + 1)
    top = draws[2] % (image_size - height + 1)
    left = draws[3] % (image_size - width + 1)
    return Rectangle(top, left, height, width)


def box_around(hole: Rectangle, *, box_size: int, image_size: int) -> Rectangle:
    """The box_size window centred on the hole, shifted inward where it would leave the image."""
    return Rectangle(
        _start(hole.top, hole.height, box_size, image_size),
        _start(hole.left, hole.width, box_size, image_size),
        box_size,
        box_size,
    )


def _start(hole_start: int, hole_side: int, box_size: int, image_size: int) -> int:
    centred = hole_start - (box_size - hole_side) // 2
    return min(max(centred, 0), image_size - box_size)


def mask_of(holes: list[Rectangle], image_size: int) -> Image.Image:
    """A 1-bit picture, white = complete."""
    mask = np.zeros((image_size, image_size), dtype=bool)
    for hole in holes:
        mask[hole.rows, hole.columns] = True
    return Image.fromarray(mask)
