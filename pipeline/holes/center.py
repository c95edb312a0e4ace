"""The hole kind `center`: the same rectangle in the middle of every photo."""

import numpy as np

from pipeline.drawn_holes import DrawnHoles, of_rectangles
from pipeline.draws import Draws
from pipeline.params.holes.center import CenterOptions

OPTIONS = CenterOptions


def draw(draws: Draws, num: int, image_size: int, options: CenterOptions) -> DrawnHoles:
    """Nothing is drawn; where it cannot be halved, the margin is larger below and to the right."""
    height, width = options.height, options.width
    hole = [(image_size - height) // 2, (image_size - width) // 2, height, width]
    return of_rectangles(np.tile(hole, (num, 1, 1)), image_size)
