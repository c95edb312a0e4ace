"""Few colours in place of many: the poster look of Basquiat's strips."""

import numpy as np
from PIL import Image


def quantize(image: np.ndarray, num_colors: int) -> np.ndarray:
    """`image` (HWC uint8) in at most `num_colors` (2..256) colours, by k-means from a median cut.

    Draws no random numbers.
    """
    reduced = Image.fromarray(image).quantize(
        num_colors,
        method=Image.Quantize.MEDIANCUT,
        kmeans=1,  # Pillow's word for: until at most one pixel changes its colour
        dither=Image.Dither.NONE,
    )
    return np.array(reduced.convert("RGB"))
