"""The hole kind `box`: rectangles with sides and places of their own."""

import numpy as np

from pipeline.drawn_holes import DrawnHoles, of_rectangles
from pipeline.draws import Draws
from pipeline.params.holes.box import BoxOptions

OPTIONS = BoxOptions


def draw(draws: Draws, num: int, image_size: int, options: BoxOptions) -> DrawnHoles:
    """Sides uniform in side_min..side_max, places uniform over all that fit."""
    shape = (num, options.num_holes, 2)
    sides = draws.integers(options.side_min, options.side_max, shape)
    corners = draws.integers(0, image_size - sides, shape)
    return of_rectangles(np.concatenate([corners, sides], axis=2), image_size)
