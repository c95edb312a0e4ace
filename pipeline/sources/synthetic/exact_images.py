"""Resizing, blurring and sampling that give the same bits on every processor, see `exact_math`.

OpenCV's own code for these differs by processor. `remap` and `blur` still use it, on numbers of so
few bits, at places and with weights of so few, that nothing is ever rounded.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.sources.synthetic import exact_math
from pipeline.sources.synthetic.exact_math import Floats

# Bits that a float32 image given to `remap` may have: with 10 of the places (1/32 px along both
# sides) a float32 holds every product and sum.
SINGLE_BITS = 13
DOUBLE_BITS = 28  # of a float64 image; with 24 of a kernel's weights too

# Source index and weight of each tap of each target row, both (taps, target rows).
_Taps = tuple[npt.NDArray[np.int64], Floats]


def remap(image: Floats, columns: Floats, rows: Floats, border: int) -> Floats:
    """`image` (h, w) or (h, w, channels) at `columns` and `rows` in px, rounded to 1/32; float32.

    image: float32 on a grid of SINGLE_BITS or float64 on one of DOUBLE_BITS; border: OpenCV's name
    for what lies outside. (OpenCV's cubic interpolation rounds to float32 even in float64.)
    """
    columns, rows = (
        np.rint(place * np.float32(32)) * np.float32(1 / 32) for place in (columns, rows)
    )
    found = cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(found, np.float32)


def blur(image: Floats, sigma: float) -> Floats:
    """`image` (h, w) or (h, w, channels) under a Gaussian of `sigma` px, mirrored at its edges."""
    kernel = _gaussian(sigma)
    soft = cv2.sepFilter2D(exact_math.on_grid(image, DOUBLE_BITS), cv2.CV_64F, kernel, kernel)
    return np.asarray(soft, np.float32)


@cache
def _gaussian(sigma: float) -> Floats:
    """Weights in 1 / 4096 that sum up to 1, out to four deviations."""
    reach = round(4 * sigma)
    places = np.arange(-reach, reach + 1) / sigma
    weights = exact_math.exp(-places * places / 2)
    whole = np.rint(weights / exact_math.mean(weights) * (4096 / weights.size))
    whole[reach] += 4096 - whole.sum()
    return np.asarray(whole / 4096, np.float64)


def shrink(image: npt.NDArray[Any], height: int, width: int) -> Floats:
    """`image` (h, w) or (h, w, channels) as means over areas, (height, width, ...) float32."""
    rows, columns = _areas(image.shape[0], height), _areas(image.shape[1], width)
    return _resample(image, rows, columns)


def enlarge(image: npt.NDArray[Any], height: int, width: int) -> Floats:
    """`image` (h, w) or (h, w, channels) by cubic interpolation, (height, width, ...) float32."""
    rows, columns = _cubics(image.shape[0], height), _cubics(image.shape[1], width)
    return _resample(image, rows, columns)


def _resample(image: npt.NDArray[Any], rows: _Taps, columns: _Taps) -> Floats:
    tall = _resample_rows(np.asarray(image, np.float32), rows)
    turned = _resample_rows(np.ascontiguousarray(tall.swapaxes(0, 1)), columns)
    return np.ascontiguousarray(turned.swapaxes(0, 1))


def _resample_rows(image: Floats, taps: _Taps) -> Floats:
    """In a fixed order of additions."""
    indices, weights = taps
    weights = weights.reshape(*weights.shape, *(1 for _ in image.shape[1:]))
    total: Floats = image[indices[0]] * weights[0]
    for index, weight in zip(indices[1:], weights[1:], strict=True):
        part = image[index]
        part *= weight
        total += part
    return total


@cache
def _areas(source: int, target: int) -> _Taps:
    """Each target row is the mean of what it covers."""
    ratio = source / target
    starts = np.arange(target) * ratio
    ends = np.minimum(starts + ratio, source)
    first = np.floor(starts).astype(np.int64)
    indices = first + np.arange(int(ratio) + 2)[:, None]
    covered = np.minimum(ends, indices + 1) - np.maximum(starts, indices)
    weights = np.maximum(covered, 0) / ratio
    return np.minimum(indices, source - 1), weights.astype(np.float32)


@cache
def _cubics(source: int, target: int) -> _Taps:
    """Four taps of Keys's cubic with a = -3/4, the last row repeated outside."""
    places = (np.arange(target) + 0.5) * (source / target) - 0.5
    before = np.floor(places)
    away = np.abs(places - (before + np.arange(-1, 3)[:, None]))
    near = (1.25 * away - 2.25) * away * away + 1
    far = -0.75 * (((away - 5) * away + 8) * away - 4)
    weights = np.where(away <= 1, near, far)
    indices = np.clip(before + np.arange(-1, 3)[:, None], 0, source - 1).astype(np.int64)
    return indices, weights.astype(np.float32)
