"""Mask files: which of their pixels are to be completed. One rule, and never a guess.

A mask with transparent pixels marks the hole by them, as an eraser leaves it. Another has two
values, of which the brighter one is the hole (`black`: the darker one). Whatever has more, such as
a soft brush, a JPEG or a map of labels, needs a threshold that the user names.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipeline.photos.decoding import BrokenPhotoError, read_photo


class MaskRule(NamedTuple):
    """How masks are read."""

    threshold: int | None = None  # 0..254: brighter (in alpha: more opaque) pixels are one value
    black: bool = False  # the dark value is the hole
    grow: int = 0  # px by which the hole is widened on all sides


def read_mask(path: Path, rule: MaskRule) -> np.ndarray:
    """(H, W) bool of the upright mask at `path`, True = complete; not yet grown.

    ValueError where it cannot be read, marks nothing, or is ambiguous under `rule`.
    """
    try:
        mask = read_photo(path.read_bytes())
    except BrokenPhotoError as error:
        raise ValueError(f"the mask {path} cannot be read: {error}") from None
    if mask.damage:
        raise ValueError(f"the mask {path} is damaged: {mask.damage}")
    rgb, alpha = mask.image, mask.alpha
    if alpha is not None:
        if rule.black:
            raise ValueError(
                f"the mask {path} has transparent pixels, which are the hole: --mask-black is for "
                "masks without any, so leave it out or save the mask without transparency"
            )
        return ~_brighter(alpha, path, rule, "degrees of transparency")
    levels = np.array(Image.fromarray(rgb).convert("L"))
    if rule.threshold is None:
        # By colour, grey first: two labels may be equally bright.
        levels = levels.astype(np.uint32) << 24 | rgb.astype(np.uint32) @ (1 << 16, 1 << 8, 1)
    bright = _brighter(levels, path, rule, "colours")
    return ~bright if rule.black else bright


def _brighter(levels: np.ndarray, path: Path, rule: MaskRule, what: str) -> np.ndarray:
    """(H, W) bool: the higher of the two values of `levels`, or what lies above the threshold."""
    if rule.threshold is not None:
        above: np.ndarray = levels > rule.threshold
        if above.all() or not above.any():
            raise ValueError(
                f"the mask {path} lies wholly {'above' if above.all() else 'at or below'} "
                f"--mask-threshold {rule.threshold}: its values are {levels.min()} to "
                f"{levels.max()}"
            )
        return above
    values = np.unique(levels)
    if len(values) == 1:
        raise ValueError(
            f"the mask {path} has one value all over: it must tell the hole (white or transparent) "
            "from what stays (black or opaque)"
        )
    if len(values) > 2:
        raise ValueError(
            f"the mask {path} has {len(values):,} {what}, but must have two: save it without soft "
            "edges, in a lossless format (no JPEG) and with one label alone, or say from where on "
            "they count, such as --mask-threshold 127"
        )
    brighter: np.ndarray = levels == values[1]
    return brighter


def grown(hole: np.ndarray, px: int) -> np.ndarray:
    """`hole` (H, W) bool with all pixels that are at most `px` away from it."""
    if px == 0 or not hole.any():
        return hole
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    return cv2.dilate(hole.astype(np.uint8), disk).astype(bool)


def described(hole: np.ndarray) -> str:
    """What a hole takes: "1,204 px in 2 holes, 0.4 % of the photo"; a warning above half."""
    num_holes = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)[0] - 1
    num_px, share = int(hole.sum()), float(hole.mean())
    said = f"{num_px:,} px in {num_holes:,} hole{'s' * (num_holes != 1)}"
    said = f"{said}, {share:.1%} of the photo"
    if share > 0.5:
        said += (
            "; WARNING: more than half is completed. If the mask is meant the other way round, "
            "add --mask-black"
        )
    return said
