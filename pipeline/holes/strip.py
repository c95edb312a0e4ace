"""The hole kind `strip`: the photo's sides, to be painted beyond what is known."""

import numpy as np

from pipeline.drawn_holes import DrawnHoles, Rectangles, of_rectangles
from pipeline.draws import Draws, Integers
from pipeline.params.holes.strip import Side, StripOptions

OPTIONS = StripOptions


def draw(draws: Draws, num: int, image_size: int, options: StripOptions) -> DrawnHoles:
    """Widths uniform in whole px; the box lies at one of the sides, each as likely."""
    narrowest, widest = options.widths(image_size)
    widths = draws.integers(narrowest, widest, (num, len(options.sides)))
    strips = np.stack(
        [_strips(side, widths[:, index], image_size) for index, side in enumerate(options.sides)],
        axis=1,
    )
    chosen = strips[np.arange(num), draws.integers(0, len(options.sides) - 1, num)]
    if options.cut == "one":
        return of_rectangles(chosen[:, None], image_size)
    return of_rectangles(strips, image_size)._replace(focus=chosen)


def _strips(side: Side, widths: Integers, image_size: int) -> Rectangles:
    """(N,) widths -> (N, 4) rectangles along `side`."""
    zero, full = np.zeros_like(widths), np.full_like(widths, image_size)
    rectangle = {
        "left": (zero, zero, full, widths),
        "right": (zero, image_size - widths, full, widths),
        "top": (zero, zero, widths, full),
        "bottom": (image_size - widths, zero, widths, full),
    }
    return np.stack(rectangle[side], axis=1)
