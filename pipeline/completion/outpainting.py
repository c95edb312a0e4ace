"""Images continued beyond their sides by a network that completes windows.

At the scale at which the image's shorter side is a window, strips of a quarter window are added
one after another, each faded into the one before; what finer scales have beyond it is then taken
from the image's own pixels.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from pipeline.completion.blends import Blend, blended
from pipeline.completion.detail_transfer import Places, finer
from pipeline.completion.network import Network
from pipeline.completion.scales import shrunk, step_towards
from pipeline.completion.tiles import bell, starts
from pipeline.completion.windows import mirrored
from pipeline.shards.rectangle import Rectangle

Side = Literal["left", "right", "top", "bottom"]

# Of a window's width: the strip of a pass (Basquiat: 64 px of 256).
STRIP_SHARE = 0.25
# Of a strip: its outer part, which the next pass makes anew with something known beside it. At a
# window's own border networks are at their worst; the one fades into the other, without a line.
FADED_SHARE = 0.5
# Of a window's height, between two windows of a strip.
SHARED = 0.5
# More than four times the image would be made up from what is itself made up.
MAX_RATIO = 4.0


def canvas(
    image: np.ndarray, extension_ratio: float, sides: Sequence[Side]
) -> tuple[np.ndarray, np.ndarray]:
    """`image` (HWC uint8) in its place on a larger black image, and what is new there (HW bool).

    An axis with one of `sides` grows by round(extension_ratio * length) px, at least 1, shared
    evenly by its sides; of an odd number left or top get the pixel more.
    """
    check_extension(extension_ratio, sides)
    height, width = image.shape[:2]
    top, bottom = _extents(height, extension_ratio, "top" in sides, "bottom" in sides)
    left, right = _extents(width, extension_ratio, "left" in sides, "right" in sides)
    margins = (top, bottom), (left, right)
    wide = np.pad(image, (*margins, (0, 0)))
    return wide, np.pad(np.zeros((height, width), bool), margins, constant_values=True)


def check_extension(extension_ratio: float, sides: Sequence[str]) -> None:
    """ValueError for what `canvas` does not take."""
    if not 0 < extension_ratio <= MAX_RATIO:
        raise ValueError(
            f"extension ratio is {extension_ratio}, but must be above 0 and at most {MAX_RATIO:g}"
        )
    known = get_args(Side)
    if not sides or len(set(sides)) < len(sides) or not set(sides) <= set(known):
        raise ValueError(
            f"sides are {', '.join(sides) or 'none'}, but must be some of: {', '.join(known)}"
        )


def _extents(length: int, ratio: float, first: bool, second: bool) -> tuple[int, int]:
    """px before and after an axis of `length`."""
    # Halves up, as one does by hand; Python's own rounding would go to the even number.
    total = max(1, math.floor(ratio * length + 0.5))
    if first and second:
        return total - total // 2, total // 2
    return (total if first else 0), (total if second else 0)


def outpaint(
    network: Network,
    wide: np.ndarray,  # HWC uint8, the image in its place
    new: np.ndarray,  # HW bool: False in one rectangle, the image
    sides: Sequence[Side],
    *,
    blend: Blend,
    seed: int,
) -> np.ndarray:
    """`wide` with all that is `new` made up; the image stays bit for bit.

    Sides are done in their order: the second sees what the first has made.
    """
    return blended(_coarse_to_fine(network, wide, new, sides, seed)[0], new, blend)


def _coarse_to_fine(
    network: Network, wide: np.ndarray, new: np.ndarray, sides: Sequence[Side], seed: int
) -> tuple[np.ndarray, Places | None]:
    """`wide` filled, and where its detail was taken from."""
    rows, columns = np.flatnonzero(~new.all(axis=1)), np.flatnonzero(~new.all(axis=0))
    step = step_towards(min(len(rows), len(columns)), network.image_size)
    if step == 1:
        box = Rectangle(int(rows[0]), int(columns[0]), len(rows), len(columns))
        return _by_strips(network, wide, box, sides, seed), None
    small, small_new = shrunk(wide, new, step)
    small, places = _coarse_to_fine(network, small, small_new, sides, seed)
    return finer(small, small_new, wide, new, places)


def _by_strips(
    network: Network, wide: np.ndarray, box: Rectangle, sides: Sequence[Side], seed: int
) -> np.ndarray:
    """`wide` filled from `box` outwards."""
    height, width = wide.shape[:2]
    extents = {
        "left": box.left,
        "right": width - box.columns.stop,
        "top": box.top,
        "bottom": height - box.rows.stop,
    }
    picture = wide[box.rows, box.columns]
    for side in sides:
        picture = extend(network, picture, extents[side], side, seed)
    return picture


def extend(
    network: Network, image: np.ndarray, extent: int, side: Side, seed: int = 0
) -> np.ndarray:
    """`image` (HWC uint8) with `extent` px more at `side`, strip by strip; the rest stays.

    A strip's windows lie side by side along the edge, overlap by half and are blended into one
    another; each sees the strips before, but for the part of the last one that it makes anew.
    """
    strip = max(1, round(STRIP_SHARE * network.image_size))
    overlap = round(FADED_SHARE * strip)
    # The edge to the right: a left one by mirroring, the others lying on their sides.
    turned = _turned(image, side)
    width = turned.shape[1] + extent
    if extent > 0:
        turned = np.concatenate([turned, _next_strip(network, turned, strip, side, seed)], axis=1)
    while turned.shape[1] < width:
        kept, before = turned[:, :-overlap], turned[:, -overlap:]
        made = _next_strip(network, kept, strip, side, seed)
        made[:, :overlap] = _faded(before, made[:, :overlap])
        turned = np.concatenate([kept, made], axis=1)
    return np.ascontiguousarray(_turned_back(turned[:, :width], side))


def _faded(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: from `one` at the left to `other` at the right."""
    width = one.shape[1]
    share = (np.arange(1, width + 1) / (width + 1))[:, None]
    mixed: np.ndarray = np.rint((1 - share) * one + share * other).astype(np.uint8)
    return mixed


def _turned(image: np.ndarray, side: Side) -> np.ndarray:
    """(..., H, W, C) with `side` at the right."""
    if side in ("top", "bottom"):
        image = image.swapaxes(-3, -2)
    return image[..., ::-1, :] if side in ("left", "top") else image


def _turned_back(image: np.ndarray, side: Side) -> np.ndarray:
    image = image[..., ::-1, :] if side in ("left", "top") else image
    return image.swapaxes(-3, -2) if side in ("top", "bottom") else image


def _next_strip(
    network: Network, turned: np.ndarray, strip: int, side: Side, seed: int
) -> np.ndarray:
    """(H, strip, 3) uint8: what comes to the right of `turned`."""
    size = network.image_size
    height, width = turned.shape[:2]
    firsts = starts(height, size, SHARED) if height >= size else [-((size - height) // 2)]
    # The known columns end at the edge; a narrow image is continued by its mirror image.
    columns = mirrored(width - (size - strip), size - strip, width)
    windows = np.zeros((len(firsts), size, size, 3), np.uint8)
    masks = np.zeros((len(firsts), size, size, 1), bool)
    masks[:, :, size - strip :] = True
    for first, window in zip(firsts, windows, strict=True):
        window[:, : size - strip] = turned[mirrored(first, size, height)[:, None], columns]
    outputs = _upright(network, windows, masks, side, seed)[:, :, size - strip :]
    sums, weights = np.zeros((height, strip, 3)), np.zeros((height, 1, 1))
    weight = bell(size)[:, None, None]
    for first, output in zip(firsts, outputs, strict=True):
        inside = slice(max(first, 0), first + size)
        shown = slice(max(-first, 0), max(-first, 0) + len(sums[inside]))
        sums[inside] += (weight * output)[shown]
        weights[inside] += weight[shown]
    return np.rint(sums / weights).astype(np.uint8)


def _upright(
    network: Network, windows: np.ndarray, masks: np.ndarray, side: Side, seed: int
) -> np.ndarray:
    """The network's answer to turned windows, turned as they are.

    A left side is shown mirrored, since networks for strips know the right one; no image is shown
    lying on its side or upside down.
    """
    if side in ("left", "right"):
        return network(windows, masks[..., 0], seed)
    seen, holes = (_turned_back(each, side) for each in (windows, masks))
    outputs = network(np.ascontiguousarray(seen), np.ascontiguousarray(holes[..., 0]), seed)
    return _turned(outputs, side)
