"""The parts of a photo that the detector is shown: the whole, and squares along a long one.

`downscale` keeps a photo's centre square. In the whole of a long photo that square is shown so
small that its people vanish, though they fill the sample. So a long photo is also looked at in
overlapping squares over its whole length, as in slicing aided inference (SAHI, Akyon et al. 2022,
arXiv 2202.06934), and the middle one of them is the square that is kept.
"""

import math
from typing import NamedTuple

import numpy as np

# Of a slice, at least, that its neighbour shows too: people on a border are whole in one of them.
OVERLAP = 0.2
# Along photos for which even so many squares are too few, the slices are longer than high, and the
# square in the middle is looked at beside them.
MAX_SLICES = 15


class View(NamedTuple):
    """A part of an image, px."""

    top: int
    left: int
    height: int
    width: int

    def of(self, image: np.ndarray) -> np.ndarray:
        """Of `image` (HWC)."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


def views(size: tuple[int, ...], slice_ratio: float) -> list[View]:
    """The whole of an image of that size, then slices if it is longer than `slice_ratio`.

    That is of its long side by its short one. The slices are an odd number, evenly spaced from end
    to end; where they are no squares, the square in the middle is the last of all.
    """
    height, width = size
    whole = View(0, 0, height, width)
    short, long = sorted((height, width))
    if short == 0 or long <= slice_ratio * short:
        return [whole]
    step = short * (1 - OVERLAP)
    num = min(1 + 2 * math.ceil((long - short) / step / 2), MAX_SLICES)
    # One that overlaps as it should, num of which reach from end to end.
    length = max(short, math.ceil(long / (1 + (num - 1) * (1 - OVERLAP))))
    parts = [(round(number * (long - length) / (num - 1)), length) for number in range(num)]
    if length > short:
        parts.append(((long - short) // 2, short))
    if width == long:
        return [whole, *(View(0, place, short, extent) for place, extent in parts)]
    return [whole, *(View(place, 0, extent, short) for place, extent in parts)]
