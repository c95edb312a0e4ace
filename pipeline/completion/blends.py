"""How a completion is fitted to the known pixels around it; those never change."""

from typing import Literal, get_args

import cv2
import numpy as np

from pipeline.completion.feathering import feathered
from pipeline.completion.holes import bounding
from pipeline.inpainting.poisson_blending import poisson_blended

# none: as the network made it; feather: the colours near the border are corrected; poisson: all
# colours are, so that the border's gradients fit.
Blend = Literal["none", "feather", "poisson"]
# What commands, page and Python do unless told otherwise, and `evaluate` measures. On real
# landscapes either of the others costs the recipe scenefill 0.6 dB or more (docs/recipe.md).
DEFAULT: Blend = "none"

# px around a hole that Poisson blending sees, and the most of a side that it works on: beyond, what
# it changes is computed on a smaller image. It is smooth, and the work grows with the area.
MARGIN = 8
LARGEST_SIDE = 512
# px; what is smaller is mirrored until it is as large: OpenCV fails on a few px.
SMALLEST_SIDE = 16


def check_blend(blend: str) -> None:
    if blend not in get_args(Blend):
        raise ValueError(f"blend is {blend!r}, but must be one of: {', '.join(get_args(Blend))}")


def blended(picture: np.ndarray, hole: np.ndarray, blend: Blend) -> np.ndarray:
    """`picture` (HWC uint8) with its completed `hole` (HW bool) fitted to the pixels around."""
    if blend == "none" or hole.all() or not hole.any():
        return picture
    # Whatever is far from the hole has no influence.
    box = bounding(hole)
    rows = slice(max(box.top - MARGIN, 0), box.rows.stop + MARGIN)
    columns = slice(max(box.left - MARGIN, 0), box.columns.stop + MARGIN)
    fit = feathered if blend == "feather" else _poisson_blended
    result = picture.copy()
    result[rows, columns] = fit(picture[rows, columns], hole[rows, columns])
    return result


def _poisson_blended(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    height, width = hole.shape
    if min(height, width) < SMALLEST_SIDE:
        more = [(0, max(0, SMALLEST_SIDE - length)) for length in (height, width)]
        picture = np.pad(picture, [*more, (0, 0)], mode="symmetric")
        hole = np.pad(hole, more, mode="symmetric")
        return _poisson_blended(picture, hole)[:height, :width]
    factor = max(height, width) / LARGEST_SIDE
    if factor <= 1:
        return poisson_blended(picture, hole)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    small_hole = cv2.resize(hole.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    change = poisson_blended(small, small_hole).astype(np.float32) - small
    enlarged = cv2.resize(change, (width, height), interpolation=cv2.INTER_LINEAR)
    corrected = np.rint(picture + enlarged).clip(0, 255).astype(np.uint8)
    return np.where(hole[..., None], corrected, picture)
