"""Mask files: which of their pixels are to be completed. One rule, and never a guess.

A mask with transparent pixels marks the hole by them, as an eraser leaves it (`black`: by the
opaque ones, as a brush on a layer of its own does). Another has two values, of which the brighter
one is the hole (`black`: the darker one). Whatever has more, such as a soft brush, a JPEG or a map
of labels, needs a threshold that the user names.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipeline.photos.decoding import DEEP, BrokenPhotoError, open_image, read_photo


class MaskRule(NamedTuple):
    """How masks are read."""

    threshold: int | None = None  # 0..254: brighter (in alpha: more opaque) pixels are one value
    black: bool = False  # the dark value is the hole; in alpha: what is opaque
    grow: int = 0  # px by which the hole is widened on all sides


def read_mask(path: Path, rule: MaskRule) -> np.ndarray:
    """(H, W) bool of the upright mask at `path`, True = complete; not yet grown.

    ValueError where it cannot be read, marks nothing, or is ambiguous under `rule`.
    """
    data = path.read_bytes()
    try:
        mask = read_photo(data)
    except BrokenPhotoError as error:
        raise ValueError(f"the mask {path} cannot be read: {error}") from None
    if mask.damage:
        raise ValueError(f"the mask {path} is damaged: {mask.damage}")
    rgb, alpha = mask.image, mask.alpha
    if alpha is not None:
        opaque = _brighter(alpha, path, rule, "degrees of transparency")
        return opaque if rule.black else ~opaque
    levels = np.array(Image.fromarray(rgb).convert("L"))
    if rule.threshold is None and DEEP in mask.traits:
        # Two labels may be one level of 8 bits. Only their number is asked for, not their places.
        stored = np.unique(np.asarray(open_image(data)))
        _require_two(len(stored), path, "values")
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
    _require_two(len(values), path, what)
    brighter: np.ndarray = levels == values[1]
    return brighter


def _require_two(num: int, path: Path, what: str) -> None:
    if num > 2:
        raise ValueError(
            f"the mask {path} has {num:,} {what}, but must have two: save it without soft "
            "edges, in a lossless format (no JPEG) and with one label alone, or say from where on "
            "they count, such as --mask-threshold 127"
        )


def grown(hole: np.ndarray, px: int) -> np.ndarray:
    """`hole` (H, W) bool with all pixels that are at most `px` away from it."""
    if px == 0 or not hole.any():
        return hole
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= px + 0.001)  # single precision: 5 may come out as a little more


def described(hole: np.ndarray, rule: MaskRule | None = None) -> str:
    """What a hole takes: "1,204 px in 2 holes, 0.4 % of the photo"; a warning above half.

    `rule` is that of the mask which the hole comes from, if it comes from one.
    """
    num_holes = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)[0] - 1
    num_px, share = int(hole.sum()), float(hole.mean())
    said = f"{num_px:,} px in {num_holes:,} hole{'s' * (num_holes != 1)}"
    said = f"{said}, {_percent(share)} of the photo"
    if share > 0.5:
        said += "; WARNING: more than half is completed"
        if rule is not None:
            said += ". If the mask is meant the other way round, "
            said += "leave out --mask-black" if rule.black else "add --mask-black"
    return said


def _percent(share: float) -> str:
    """With one digit, which never makes nothing or all of what is neither."""
    if 0 < share < 0.0005:
        return "less than 0.1%"
    return "more than 99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"
