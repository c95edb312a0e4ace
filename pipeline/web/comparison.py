"""A completion beside the classical fills, cut out around its hole."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from pipeline.inpainting import baselines
from pipeline.params.evaluate import Baseline
from pipeline.report.titles import method_title

# px, longer side of a cut-out: at that size every fill takes at most some seconds.
CUT_OUT_SIDE = 384
# Of the hole's sides, known pixels shown around it.
MARGIN = 0.6
MIN_MARGIN = 16  # px
FILLS: tuple[Baseline, ...] = ("telea", "navier_stokes", "biharmonic", "mean_color")
# It solves for all pixels of the hole at once, which takes a second for so many.
MAX_BIHARMONIC = 6_000


class Compared(NamedTuple):
    picture: np.ndarray  # HWC uint8
    title: str


def compare(photo: np.ndarray, completed: np.ndarray, mask: np.ndarray) -> list[Compared]:
    """The hole, the model's image, each fill's and the original, around the hole, alike in size.

    `photo` and `completed` (H, W, 3) uint8, `mask` (H, W) bool. Large cut-outs are scaled down
    first; the fills work on what is shown.
    """
    rows, columns = cut_out(mask)
    original, model = (_scaled(each[rows, columns]) for each in (photo, completed))
    hole = np.asarray(Image.fromarray(mask[rows, columns]).resize(_size(original))) > 0
    blanked = np.where(hole[..., None], np.uint8(255), original)
    found = [Compared(blanked, "the hole"), Compared(model, "the model")]
    for name in FILLS:
        if name != "biharmonic" or hole.sum() <= MAX_BIHARMONIC:
            found.append(Compared(baselines.complete(name, original, hole), method_title(name)))
    return [*found, Compared(original, "the original")]


def cut_out(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of what is masked, with a margin inside the image."""
    spans = []
    for axis, length in ((1, mask.shape[0]), (0, mask.shape[1])):
        places = np.flatnonzero(mask.any(axis=axis))
        first, last = int(places[0]), int(places[-1]) + 1
        margin = max(MIN_MARGIN, round(MARGIN * (last - first)))
        spans.append(slice(max(0, first - margin), min(length, last + margin)))
    return spans[0], spans[1]


def _size(picture: np.ndarray) -> tuple[int, int]:
    return picture.shape[1], picture.shape[0]


def _scaled(picture: np.ndarray) -> np.ndarray:
    """No larger than CUT_OUT_SIDE."""
    scale = CUT_OUT_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(1, round(side * scale)) for side in _size(picture)]
    return np.asarray(Image.fromarray(picture).resize((size[0], size[1]), Image.Resampling.BOX))


def enlarged(picture: np.ndarray, side: int) -> np.ndarray:
    """`picture` with each pixel repeated until its longer side is about `side` px."""
    times = max(1, side // max(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)
