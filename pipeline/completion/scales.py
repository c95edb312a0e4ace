"""Images with holes in fewer pixels, and back."""

import math

import cv2
import numpy as np

# A step between scales; where a hole is long, there are as many as it takes, all alike.
LARGEST_STEP = 2.0
# A hole that is longer than what fits by less than this is left as it is.
TOLERANCE = 1.1


def step_towards(length: float, fits: float) -> float:
    """By how much to divide next so that `length` comes to `fits`; 1 where it is near enough."""
    if length <= fits * TOLERANCE:
        return 1.0
    num_steps = math.ceil(math.log(length / fits, LARGEST_STEP) - 1e-9)
    return float((length / fits) ** (1 / num_steps))


def shrunk(picture: np.ndarray, hole: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """`picture` and `hole` with their sides divided by `factor` >= 1.

    A pixel is the mean of the known pixels that it covers, by area, so that nothing of the hole
    gets into it; where those are less than half of its area, it belongs to the hole.
    """
    height, width = hole.shape
    size = max(1, round(width / factor)), max(1, round(height / factor))
    known = np.where(hole, np.uint8(0), np.uint8(255))
    share = _areas(known, size)
    sums = _areas(np.where(hole[..., None], np.uint8(0), picture), size)
    means = sums * (255 / np.maximum(share, 1))[..., None].astype(np.float32)
    return np.rint(means).clip(0, 255).astype(np.uint8), share < 128


def _areas(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def enlarged(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`picture` in (height, width) px, smooth."""
    height, width = shape
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC))
