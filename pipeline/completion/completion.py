"""The holes of an image of any size, completed by a network that knows windows of one size."""

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.completion.blends import MARGIN, Blend, blended
from pipeline.completion.detail_transfer import Places, finer
from pipeline.completion.holes import Hole, bounding, holes_of
from pipeline.completion.network import Network, hole_side
from pipeline.completion.regions import grown_box, merged
from pipeline.completion.scales import TOLERANCE, shrunk, step_towards
from pipeline.completion.tiles import bell, tiles_over
from pipeline.completion.windows import completed_tiles

# Of a window's side: the tiles in which a hole is completed that is thin, but longer than a window.
TILE_SHARE = 0.5
# Of a thick hole's thickness: what is seen of the image on each side of it, for its structure and
# as a source of its detail.
SEEN = 1.0


def complete(
    network: Network, image: np.ndarray, mask: np.ndarray, *, blend: Blend, seed: int
) -> np.ndarray:
    """`image` (HWC uint8 RGB) with the True pixels of `mask` (HW) completed, the rest bit for bit.

    Structure is the network's, at the scale at which the hole is as thick as those that it was
    trained on; what finer scales have beyond it is taken from known pixels. No pixel of a hole has
    an influence. ValueError where all is hole.
    """
    if mask.all():
        raise ValueError(
            "the mask covers the whole image: a completion continues what is known, so that some "
            "pixels must be outside the holes, best on all sides of them"
        )
    picture = np.where(mask[..., None], np.uint8(0), image)
    reach = (network.image_size - hole_side(network)) // 2
    holes, labels = holes_of(mask, reach)
    thick = [hole for hole in holes if _thickness(labels, hole) > hole_side(network) * TOLERANCE]
    is_thick = np.isin(labels, [hole.number for hole in thick])
    filled = _by_windows(network, picture, mask, mask & ~is_thick, seed)
    seen = [
        grown_box(hole.box, round(SEEN * _thickness(labels, hole)), mask.shape) for hole in thick
    ]
    for region in merged(seen):
        there = region.rows, region.columns
        unknown = is_thick[there]
        made, _ = _coarse_to_fine(network, filled[there], unknown, seed)
        filled[there] = np.where(unknown[..., None], made, filled[there])
    return _blended(filled, mask, holes, labels, blend)


def _blended(
    filled: np.ndarray, mask: np.ndarray, holes: Sequence[Hole], labels: np.ndarray, blend: Blend
) -> np.ndarray:
    """Each hole for itself, and none sees another one blended."""
    if blend == "none":
        return filled
    result = filled.copy()
    for hole in holes:
        rows = slice(max(hole.box.top - MARGIN, 0), hole.box.rows.stop + MARGIN)
        columns = slice(max(hole.box.left - MARGIN, 0), hole.box.columns.stop + MARGIN)
        own = labels[rows, columns] == hole.number
        around = blended(filled[rows, columns], mask[rows, columns], blend)
        result[rows, columns][own] = around[own]
    return result


def thickness(hole: np.ndarray) -> int:
    """px: of the thickest place of `hole` (HW bool), or less: the longer side of its box."""
    box = bounding(hole)
    inside = hole[box.rows, box.columns].astype(np.uint8)
    # What lies outside of the image is as unknown as the hole: no border is added there.
    known = [
        (int(box.top > 0), int(box.rows.stop < hole.shape[0])),
        (int(box.left > 0), int(box.columns.stop < hole.shape[1])),
    ]
    distance = cv2.distanceTransform(np.pad(inside, known), cv2.DIST_L2, 5)
    return int(min(max(box.height, box.width), np.ceil(2 * distance.max() - 1)))


def _thickness(labels: np.ndarray, hole: Hole) -> int:
    rows, columns = (
        slice(max(span.start - 1, 0), span.stop + 1) for span in (hole.box.rows, hole.box.columns)
    )
    return thickness(labels[rows, columns] == hole.number)


def _by_windows(
    network: Network, picture: np.ndarray, mask: np.ndarray, hole: np.ndarray, seed: int
) -> np.ndarray:
    """`picture` with the pixels of `hole` completed, which lie in `mask`, at this scale.

    What fits into a window takes one, what is longer several, which overlap. All windows before the
    first writing: none depends on the order.
    """
    if not hole.any():
        return picture.copy()
    side = max(hole_side(network), round(TILE_SHARE * network.image_size))
    reach = (network.image_size - hole_side(network)) // 2
    tiles = [tile for each in holes_of(hole, reach)[0] for tile in tiles_over(hole, each.box, side)]
    # Sums of all of a large photo would take gigabytes.
    box = bounding(hole)
    sums = np.zeros((box.height, box.width, 3), np.float32)
    weights = np.zeros((box.height, box.width, 1), np.float32)
    for tile, made in completed_tiles(network, picture, mask, tiles, seed):
        weight = bell(tile.height)[:, None, None] * bell(tile.width)[:, None]
        rows = slice(tile.top - box.top, tile.rows.stop - box.top)
        columns = slice(tile.left - box.left, tile.columns.stop - box.left)
        sums[rows, columns] += weight * made
        weights[rows, columns] += weight
    sums /= np.maximum(weights, np.finfo(np.float32).tiny)
    filled = picture.copy()
    own = hole[box.rows, box.columns]
    filled[box.rows, box.columns][own] = np.rint(sums[own]).astype(np.uint8)
    return filled


def _coarse_to_fine(
    network: Network, picture: np.ndarray, hole: np.ndarray, seed: int
) -> tuple[np.ndarray, Places | None]:
    """`picture` with `hole` completed, and where its detail was taken from."""
    if not hole.any():
        return picture, None
    step = step_towards(thickness(hole), hole_side(network))
    if step == 1:
        return _by_windows(network, picture, hole, hole, seed), None
    small, small_hole = shrunk(picture, hole, step)
    small, places = _coarse_to_fine(network, small, small_hole, seed)
    return finer(small, small_hole, picture, hole, places)
