"""The holes of a batch as a kind draws them, and the boxes around them.

Rectangles are half-open [top, left, height, width] in px.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.bool_]
# (..., 4) int64
Rectangles = NDArray[np.int64]


class DrawnHoles(NamedTuple):
    """The holes of N photos of S x S px, each with K rectangles."""

    masks: Masks  # (N, S, S), True = pixels to complete
    rectangles: Rectangles  # (N, K, 4); K = 0 where the holes are of another shape
    focus: Rectangles  # (N, 4): what the box is centred on


def of_rectangles(rectangles: Rectangles, image_size: int) -> DrawnHoles:
    """Holes that are the (N, K, 4) `rectangles`; they may overlap. The first is the focus."""
    return DrawnHoles(_masks_of(rectangles, image_size), rectangles, rectangles[:, 0])


def boxes_around(holes: DrawnHoles, box_size: int) -> Rectangles:
    """(N, 4): windows of box_size centred on the focus, shifted inward where they would stick out.

    Where the focus is larger than the window, the hole pixel of the focus that is nearest to the
    centroid of its hole pixels takes its place, so that the window holds some.
    """
    focus = holes.focus.copy()
    large = np.flatnonzero((focus[:, 2:] > box_size).any(axis=1))
    if len(large):
        focus[large] = _hearts(holes.masks[large], focus[large])
    margins = (box_size - focus[:, 2:]) // 2
    corners = np.clip(focus[:, :2] - margins, 0, holes.masks.shape[1] - box_size)
    return np.concatenate([corners, np.full_like(corners, box_size)], axis=1)


def _hearts(masks: Masks, focus: Rectangles) -> Rectangles:
    """(N, 4) of 1x1 px: in each focus the hole pixel nearest to the centroid of the hole there."""
    inside = masks & _masks_of(focus[:, None], masks.shape[1])
    pixels = [_heart(mask) for mask in inside]
    return np.array([[row, column, 1, 1] for row, column in pixels])


def _heart(mask: Masks) -> tuple[int, int]:
    """(row, column) of the hole pixel nearest to the centroid; of several the first."""
    pixels = np.argwhere(mask)
    # Whole numbers, number of pixels times the distance: no rounding decides between two pixels.
    distances = ((pixels * len(pixels) - pixels.sum(axis=0)) ** 2).sum(axis=1)
    row, column = pixels[distances.argmin()].tolist()
    return row, column


def _masks_of(rectangles: Rectangles, image_size: int) -> Masks:
    """(N, K, 4) -> (N, S, S): True inside any of the K."""
    steps = np.arange(image_size)
    top, left, height, width = (edge[..., None] for edge in np.moveaxis(rectangles, -1, 0))
    rows = (steps >= top) & (steps < top + height)
    columns = (steps >= left) & (steps < left + width)
    masks: Masks = (rows[..., :, None] & columns[..., None, :]).any(axis=1)
    return masks
