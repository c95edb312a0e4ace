"""A hole that was filled at a coarser scale, completed anew near its border, tile by tile.

Near the border a window shows known pixels in full detail, and continues them; further inside it
shows only what was filled before, and the network would make a blur of a blur.
"""

import cv2
import numpy as np

from pipeline.completion.holes import bounding
from pipeline.completion.network import Network, hole_side
from pipeline.completion.windows import completed_tiles
from pipeline.shards.rectangle import Rectangle


def refined(network: Network, picture: np.ndarray, hole: np.ndarray, seed: int) -> np.ndarray:
    """`picture` (HWC uint8), its `hole` (HW bool) filled before, with the hole's border anew.

    The new pixels count in full at the border and less the deeper they lie, until nothing where a
    tile does not reach a known pixel. Tiles overlap by half and are blended into one another.
    """
    box = bounding(hole)
    side = hole_side(network)
    share = _share_of_new(hole, side)
    tiles = [tile for tile in tiles_over(box, side) if share[tile.rows, tile.columns].any()]
    sums = np.zeros((box.height, box.width, 3), np.float32)
    weights = np.zeros((box.height, box.width, 1), np.float32)
    for tile, made in completed_tiles(network, picture, hole, tiles, seed, sees_hole=True):
        rows, columns = _shifted(tile.rows, box.top), _shifted(tile.columns, box.left)
        weight = bell(tile.height)[:, None, None] * bell(tile.width)[:, None]
        sums[rows, columns] += weight * made
        weights[rows, columns] += weight
    new = sums / np.maximum(weights, np.finfo(np.float32).tiny)
    share = share[box.rows, box.columns, None]
    refilled = share * new + (1 - share) * picture[box.rows, box.columns]
    result = picture.copy()
    result[box.rows, box.columns] = np.where(
        hole[box.rows, box.columns, None],
        np.rint(refilled).astype(np.uint8),
        picture[box.rows, box.columns],
    )
    return result


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


def _share_of_new(hole: np.ndarray, side: int) -> np.ndarray:
    """(H, W) float32: 1 beside known pixels, 0 from `side` px on, and outside the hole."""
    distance = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    return np.where(hole, np.clip(1 - (distance - 1) / side, 0, 1), 0).astype(np.float32)


def _shifted(span: slice, by: int) -> slice:
    return slice(span.start - by, span.stop - by)


def bell(length: int) -> np.ndarray:
    """(length,) float32: a raised cosine, above 0 also at both ends."""
    return np.sin(np.pi * (np.arange(length, dtype=np.float32) + 0.5) / length) ** 2
