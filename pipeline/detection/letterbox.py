"""A photo fitted into the detector's square, its proportions kept; and back to the photo's px."""

from typing import NamedTuple

import cv2
import numpy as np

# What detectors are trained with around photos that are not square.
PADDING = 114


class Placement(NamedTuple):
    """Where the photo lies in the square, px."""

    top: int
    left: int
    height: int
    width: int


def place(height: int, width: int, size: int) -> Placement:
    """The largest of the photo's proportions that fits, in the middle; sides of 1 px at least.

    Rounded as Ultralytics rounds it: half a pixel would show in the scores.
    """
    scale = min(size / height, size / width)
    fitted_height, fitted_width = (max(round(side * scale), 1) for side in (height, width))
    top, left = (round((size - side) / 2 - 0.1) for side in (fitted_height, fitted_width))
    return Placement(top, left, fitted_height, fitted_width)


def letterbox(image: np.ndarray, square: np.ndarray) -> None:
    """Puts `image` (HWC uint8) into `square` (size x size x 3), which it fills."""
    # Threads would compete with the other workers, and only slow such small images.
    cv2.setNumThreads(1)
    placed = place(image.shape[0], image.shape[1], len(square))
    if (placed.height, placed.width) != image.shape[:2]:
        image = cv2.resize(
            image, (placed.width, placed.height), interpolation=cv2.INTER_LINEAR
        ).reshape(placed.height, placed.width, 3)
    if image.shape != square.shape:
        square[:] = PADDING
    rows = slice(placed.top, placed.top + placed.height)
    square[rows, placed.left : placed.left + placed.width] = image


def unfit(corners: np.ndarray, height: int, width: int, size: int) -> np.ndarray:
    """Corners (N x 4: x1, y1, x2, y2) in the square as px of the photo."""
    placed = place(height, width, size)
    scale_x, scale_y = width / placed.width, height / placed.height
    moved = corners - np.array([placed.left, placed.top] * 2)
    scaled: np.ndarray = moved * np.array([scale_x, scale_y] * 2)
    return scaled
