"""The holes of an image of any size, completed by a network that knows windows of one size."""

import math
from collections.abc import Sequence

import numpy as np

from pipeline.completion.blends import MARGIN, Blend, blended
from pipeline.completion.holes import Hole, bounding, holes_of
from pipeline.completion.network import Network, hole_side
from pipeline.completion.scales import TOLERANCE, enlarged, shrunk, step_towards
from pipeline.completion.tiles import refined
from pipeline.completion.windows import completed_tiles
from pipeline.shards.rectangle import Rectangle


def complete(
    network: Network, image: np.ndarray, mask: np.ndarray, *, blend: Blend, seed: int
) -> np.ndarray:
    """`image` (HWC uint8 RGB) with the True pixels of `mask` (HW) completed, the rest bit for bit.

    A hole no longer than those that the network was trained on is completed in one window, a
    longer one coarse to fine. No pixel of a hole has an influence. ValueError where all is hole.
    """
    if mask.all():
        raise ValueError(
            "the mask covers the whole image: a completion continues what is known, so that some "
            "pixels must be outside the holes, best on all sides of them"
        )
    picture = np.where(mask[..., None], np.uint8(0), image)
    reach = (network.image_size - hole_side(network)) // 2
    holes, labels = holes_of(mask, reach)
    longest = hole_side(network) * TOLERANCE
    short = [hole for hole in holes if hole.length <= longest]
    _complete_short(network, picture, mask, short, labels, blend, seed)
    unknown = mask & ~np.isin(labels, [hole.number for hole in short])
    for region in _regions(network, [hole for hole in holes if hole.length > longest], mask.shape):
        there = region.rows, region.columns
        picture[there] = _coarse_to_fine(network, picture[there], unknown[there], blend, seed)
    return picture


def _complete_short(
    network: Network,
    picture: np.ndarray,  # written to
    mask: np.ndarray,
    holes: Sequence[Hole],
    labels: np.ndarray,
    blend: Blend,
    seed: int,
) -> None:
    boxes = [hole.box for hole in holes]
    made = completed_tiles(network, picture, mask, boxes, seed, sees_hole=False)
    # All windows before the first writing: none depends on the order.
    for hole, (box, output) in zip(holes, list(made), strict=True):
        rows = slice(max(box.top - MARGIN, 0), box.rows.stop + MARGIN)
        columns = slice(max(box.left - MARGIN, 0), box.columns.stop + MARGIN)
        own = labels[rows, columns] == hole.number
        around = picture[rows, columns].copy()
        around[own] = output[labels[box.rows, box.columns] == hole.number]
        around = blended(around, mask[rows, columns], blend)
        picture[rows, columns][own] = around[own]


def _regions(network: Network, holes: Sequence[Hole], shape: tuple[int, ...]) -> list[Rectangle]:
    """What is seen of the image to complete long holes; those that see one another share it."""
    scale = network.image_size / hole_side(network)
    boxes: list[Rectangle] = []
    for hole in holes:
        box = hole.box
        while met := [other for other in boxes if _see(box, other, scale, shape)]:
            boxes = [other for other in boxes if other not in met]
            box = _union([box, *met])
        boxes.append(box)
    return [_around(box, scale, shape) for box in boxes]


def _around(box: Rectangle, scale: float, shape: tuple[int, ...]) -> Rectangle:
    """A square with `box` in its middle, shifted or cut where the image ends."""
    side = math.ceil(scale * max(box.height, box.width))
    height, width = min(side, shape[0]), min(side, shape[1])
    top = min(max(box.top + (box.height - height) // 2, 0), shape[0] - height)
    left = min(max(box.left + (box.width - width) // 2, 0), shape[1] - width)
    return Rectangle(top, left, height, width)


def _see(one: Rectangle, other: Rectangle, scale: float, shape: tuple[int, ...]) -> bool:
    return _meet(one, _around(other, scale, shape)) or _meet(other, _around(one, scale, shape))


def _meet(one: Rectangle, other: Rectangle) -> bool:
    return _overlap(one.rows, other.rows) and _overlap(one.columns, other.columns)


def _overlap(one: slice, other: slice) -> bool:
    return bool(one.start < other.stop and other.start < one.stop)


def _union(boxes: Sequence[Rectangle]) -> Rectangle:
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom, right = max(box.rows.stop for box in boxes), max(box.columns.stop for box in boxes)
    return Rectangle(top, left, bottom - top, right - left)


def _coarse_to_fine(
    network: Network, picture: np.ndarray, hole: np.ndarray, blend: Blend, seed: int
) -> np.ndarray:
    """`picture` with `hole` completed: in one window where it fits, else first at half the size."""
    if not hole.any():
        return picture
    box = bounding(hole)
    step = step_towards(max(box.height, box.width), hole_side(network))
    if step == 1:
        ((_, made),) = completed_tiles(network, picture, hole, [box], seed, sees_hole=False)
        filled = picture.copy()
        filled[box.rows, box.columns] = made
    else:
        small, small_hole = shrunk(picture, hole, step)
        small = _coarse_to_fine(network, small, small_hole, blend, seed)
        filled = np.where(hole[..., None], enlarged(small, hole.shape), picture)
        filled = refined(network, filled, hole, seed)
    return blended(np.where(hole[..., None], filled, picture), hole, blend)
