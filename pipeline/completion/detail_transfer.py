"""Detail of a finer scale for a hole that was completed at a coarser one.

What a coarse image lacks of the fine one is a band of detail. In the hole the band is taken from
the image's own known pixels: each node of a grid over the hole is matched with the known place that
looks most like it at the coarse scale, and the band there is laid down here. Places found at one
scale are where the search of the next one begins, so that detail of all scales comes from one
place. Guided by the coarse image, as in Freeman, Jones and Pasztor 2002, "Example-based
super-resolution"; neighbours hand on what they have found, as in Barnes et al. 2009, "PatchMatch".
No chance: the same images give the same detail.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.completion.holes import bounding
from pipeline.completion.scales import enlarged

NODE = 2  # px of the coarse image between the nodes of the grid
# Of a match: the colours at 3x3 points this far apart, after a blur of this sigma.
TAP, SIGMA = 2, 1.0
TEXTURE_WEIGHT = 3.0  # of a difference in the band's standard deviation, beside one of colours
PLACE_WEIGHT = 40.0  # grey levels, of a distance as long as the image's shorter side
MAX_SOURCES = 8192  # known places that a node is compared with where there are none to begin with
# Nodes that begin with one place in common, along each axis. Each for itself would find the same
# few pixels again and again, a weave where texture should be.
COMMON = 4
# Nodes leave their place only for one of so much of its distance: detail in one piece looks right.
BETTER = 0.7
PASSES = 1  # over all nodes; in each they learn their neighbours' places
JITTER = ((-1, 0), (1, 0), (0, -1), (0, 1))
# Bilinear weights of the four nodes around a pixel to this power: where two unlike details are
# averaged, both fade.
SHARPNESS = 3.0
# Grey levels, of the band's standard deviation around, at which half of it is laid down: a little
# grain in what is smooth is the first to be seen, and costs the most likeness.
HALF_TEXTURE = 20.0
# px of the Gaussian over which known pixels beside the border correct completed ones.
BORDER_SIGMA = 1.0


class Places(NamedTuple):
    """Where the detail of the hole comes from: a node's offset, px of the coarse image."""

    top: int  # of the first node
    left: int
    offsets: np.ndarray  # (rows, columns, 2) float32: down and right


class Matching(NamedTuple):
    """What is compared of the coarse image at any of its pixels."""

    colors: np.ndarray  # (H, W, 3) float32, blurred
    texture: np.ndarray  # (H, W) float32: standard deviation of the band, grey levels
    is_source: np.ndarray  # (H, W) bool: known, and its surroundings too


def finer(
    small: np.ndarray,
    small_hole: np.ndarray,
    picture: np.ndarray,
    hole: np.ndarray,
    before: Places | None,
) -> tuple[np.ndarray, Places | None]:
    """`picture` with its `hole` as in `small` and with detail, and where that comes from.

    small (h, w, 3) uint8, completed; picture (H, W, 3) uint8; the holes bool. before: of the scale
    before, if there was one.
    """
    coarse = enlarged(small.astype(np.float32), hole.shape)
    band = np.where(hole[..., None], np.float32(0), picture - coarse)
    made = coarse + _border(band, hole)
    places = None
    if small_hole.any():
        matching = _matching(small, small_hole, band, hole)
        places = _places(matching, small_hole, before)
        if places is not None:
            made += _laid(band, hole, places, matching)
    filled = np.rint(made).clip(0, 255).astype(np.uint8)
    return np.where(hole[..., None], filled, picture), places


def _border(band: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(H, W, 3): what known pixels lack, carried a little into the hole, where it fades."""
    known = (~hole).astype(np.float32)
    sums, share = (cv2.GaussianBlur(each, (0, 0), BORDER_SIGMA) for each in (band, known))
    return sums * np.minimum(2 * share, 1)[..., None] / np.maximum(share, 1e-3)[..., None]


def _matching(
    small: np.ndarray, small_hole: np.ndarray, band: np.ndarray, hole: np.ndarray
) -> Matching:
    colors = cv2.GaussianBlur(small.astype(np.float32), (0, 0), SIGMA)
    height, width = small_hole.shape
    square = np.square(band).mean(axis=2)
    energy = cv2.resize(square, (width, height), interpolation=cv2.INTER_AREA)
    known = (~small_hole).astype(np.float32)
    energy = cv2.blur(energy * known, (5, 5)) / np.maximum(cv2.blur(known, (5, 5)), 1e-3)
    texture = np.sqrt(np.maximum(_spread(energy, ~small_hole), 0))
    reach = 2 * (TAP + NODE) + 1
    is_source = cv2.erode((~small_hole).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    return Matching(colors, texture, is_source)


def _spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(H, W) float32: `values`, and where they are not `known` what is around, smooth."""
    if known.all() or not known.any():
        return values
    height, width = known.shape
    size = ((width + 1) // 2, (height + 1) // 2)
    weight = known.astype(np.float32)
    share = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(values * weight, size, interpolation=cv2.INTER_AREA)
    small = _spread(sums / np.maximum(share, 1e-6), share > 0)
    around = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(known, values, around).astype(np.float32)


def _places(matching: Matching, hole: np.ndarray, before: Places | None) -> Places | None:
    """None where no place is known as a whole."""
    if not matching.is_source.any():
        return None
    box = bounding(hole)
    rows = np.arange(box.top, box.rows.stop + NODE, NODE)
    columns = np.arange(box.left, box.columns.stop + NODE, NODE)
    nodes = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=2)
    if before is None:
        middles = [
            np.minimum(np.arange(len(lines)) // COMMON * COMMON + COMMON // 2, len(lines) - 1)
            for lines in (rows, columns)
        ]
        down, right = (np.unique(lines, return_inverse=True) for lines in middles)
        found = _searched(matching, nodes[down[0][:, None], right[0]])
        offsets = found[down[1][:, None], right[1]]
    else:
        size = len(columns), len(rows)
        offsets = cv2.resize(before.offsets, size, interpolation=cv2.INTER_NEAREST)
    for _ in range(PASSES):
        offsets = _handed_on(matching, nodes, np.rint(offsets))
    return Places(box.top, box.left, offsets.astype(np.float32))


def _searched(matching: Matching, nodes: np.ndarray) -> np.ndarray:
    """Of all known places, or evenly spaced ones, the best of each node."""
    sources = np.argwhere(matching.is_source)
    sources = sources[:: -(-len(sources) // MAX_SOURCES)]
    targets = nodes.reshape(-1, 2)
    there, here = (_signatures(matching, each) for each in (sources, targets))
    nearest = np.empty(len(targets), np.int64)
    lengths = np.square(there).sum(axis=1)
    for start in range(0, len(targets), 512):
        some = slice(start, start + 512)
        nearest[some] = (lengths - 2 * here[some] @ there.T).argmin(axis=1)
    offsets: np.ndarray = (sources[nearest] - targets).reshape(nodes.shape)
    return offsets


def _handed_on(matching: Matching, nodes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The best of each node's own offset, of those around it, and of its own shifted by a pixel."""
    here = _signatures(matching, nodes)
    best = offsets
    least = _distance(matching, nodes, here, best)
    for other in _candidates(offsets):
        distance = _distance(matching, nodes, here, other)
        is_better = distance < BETTER * least
        best = np.where(is_better[..., None], other, best)
        least = np.where(is_better, distance, least)
    return best


def _candidates(offsets: np.ndarray) -> Iterator[np.ndarray]:
    wide = np.pad(offsets, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = offsets.shape[:2]
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            if (down, right) != (1, 1):
                yield wide[down : down + height, right : right + width]
    for step in JITTER:
        yield offsets + step


def _distance(
    matching: Matching, nodes: np.ndarray, here: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """(rows, columns) float32, infinite where the place is not known."""
    places = (nodes + offsets).astype(np.int64)
    height, width = matching.is_source.shape
    is_inside = ((places >= 0) & (places < (height, width))).all(axis=2)
    places = np.where(is_inside[..., None], places, 0)
    distance = np.square(_signatures(matching, places) - here).sum(axis=2)
    is_source = is_inside & matching.is_source[places[..., 0], places[..., 1]]
    return np.where(is_source, distance, np.float32(np.inf))


def _signatures(matching: Matching, places: np.ndarray) -> np.ndarray:
    """(..., 2) rows and columns -> (..., K) float32: colours around, texture, place."""
    height, width = matching.is_source.shape
    rows, columns = places[..., 0], places[..., 1]
    parts = [
        matching.colors[(rows + down).clip(0, height - 1), (columns + right).clip(0, width - 1)]
        for down in (-TAP, 0, TAP)
        for right in (-TAP, 0, TAP)
    ]
    inside = rows.clip(0, height - 1), columns.clip(0, width - 1)
    texture = TEXTURE_WEIGHT * 3 * matching.texture[inside]
    place = places * np.float32(3 * PLACE_WEIGHT / min(height, width))
    return np.concatenate([*parts, texture[..., None], place], axis=-1).astype(np.float32)


def _laid(band: np.ndarray, hole: np.ndarray, places: Places, matching: Matching) -> np.ndarray:
    """(H, W, 3) float32: the band in the hole, 0 elsewhere.

    A pixel takes that of the four nodes around it, most of the nearest one's. Never more than there
    is texture around, so that a sky beside a wood stays a sky.
    """
    height, width = hole.shape
    small_height, small_width = matching.texture.shape
    scale = np.array([height / small_height, width / small_width], np.float32)
    rows, columns = np.nonzero(hole)
    at = np.stack([rows, columns], axis=1).astype(np.float32)
    # In units of nodes; pixels are squares, of which the middles are compared.
    grid = ((at + 0.5) / scale - 0.5 - (places.top, places.left)) / NODE
    last = np.array(places.offsets.shape[:2]) - 1
    grid = grid.clip(0, last)
    first = np.minimum(np.floor(grid).astype(np.int64), np.maximum(last - 1, 0))
    part = grid - first
    sums = np.zeros((len(at), 3), np.float32)
    weights = np.zeros(len(at), np.float32)
    wanted = cv2.resize(matching.texture, (width, height), interpolation=cv2.INTER_LINEAR)
    around = wanted[rows, columns]
    share = around**2 / (around**2 + HALF_TEXTURE**2)
    for down in (0, 1):
        for right in (0, 1):
            node = np.minimum(first + (down, right), last)
            offset = np.rint(places.offsets[node[:, 0], node[:, 1]] * scale).astype(np.int64)
            from_rows = (rows + offset[:, 0]).clip(0, height - 1)
            from_columns = (columns + offset[:, 1]).clip(0, width - 1)
            ways = np.abs(1 - np.array([down, right]) - part)
            weight = (ways[:, 0] * ways[:, 1]) ** SHARPNESS
            given = wanted[from_rows, from_columns]
            gain = share * np.minimum(around / np.maximum(given, 1e-3), 1)
            sums += (weight * gain)[:, None] * band[from_rows, from_columns]
            weights += weight
    laid = np.zeros_like(band)
    laid[rows, columns] = sums / np.maximum(weights, 1e-12)[:, None]
    return laid
