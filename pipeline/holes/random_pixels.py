"""The hole kind `random_pixels`: single pixels all over the photo."""

import numpy as np

from pipeline.drawn_holes import DrawnHoles
from pipeline.draws import Draws
from pipeline.params.holes.random_pixels import RandomPixelsOptions

OPTIONS = RandomPixelsOptions


def draw(draws: Draws, num: int, image_size: int, options: RandomPixelsOptions) -> DrawnHoles:
    """The number of pixels uniform in its range, the pixels uniform; the box is in the middle."""
    counts = draws.integers(*options.counts(image_size), num)
    ranks = draws.words((num, image_size**2))
    # Those of the lowest draws. Two equal ones of 64 bits would make it a pixel more.
    last = np.sort(ranks, axis=1)[np.arange(num), counts - 1]
    masks = (ranks <= last[:, None]).reshape(num, image_size, image_size)
    start, side = (image_size - 1) // 2, 2 - image_size % 2
    middle = np.tile([start, start, side, side], (num, 1))
    return DrawnHoles(masks, np.empty((num, 0, 4), dtype=np.int64), middle)
