"""Feathering: near its border a completion takes the colours of the known pixels beside it."""

import cv2
import numpy as np

# px from the border over which the correction fades.
REACH = 8
# px of the square over which colours are compared on either side of the border.
SQUARE = (5, 5)
# px; the correction is smooth along the border, without rays into the hole's corners.
SIGMA = 2.0


def feathered(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """`picture` (HWC uint8) with its completed `hole` (HW bool) corrected; the rest stays.

    A pixel of the hole is corrected by what is missing at the nearest known pixel: the mean colour
    of the known pixels around that one less the mean of the completed ones. In full at the border,
    and less along a raised cosine until REACH px inside. Details of the completion stay.
    """
    if hole.all() or not hole.any():
        return picture
    distance, nearest = cv2.distanceTransformWithLabels(
        hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    known = np.flatnonzero(~hole)
    numbers = nearest.ravel()  # of known pixels, in OpenCV's own order
    places = np.zeros(numbers.max() + 1, np.int64)
    places[numbers[known]] = known
    step = _colors(picture, ~hole) - _colors(picture, hole)
    missing = step.reshape(-1, 3)[places[nearest]]
    missing = _smooth(missing, hole)
    fade = 0.5 + 0.5 * np.cos(np.pi * np.clip((distance - 1) / REACH, 0, 1))
    corrected = np.rint(picture + fade[..., None] * missing).clip(0, 255).astype(np.uint8)
    return np.where(hole[..., None], corrected, picture)


def _colors(picture: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: around each pixel the mean of the chosen ones, 0 where there is none."""
    weights = chosen.astype(np.float32)
    sums = cv2.blur(picture * weights[..., None], SQUARE, borderType=cv2.BORDER_CONSTANT)
    share = cv2.blur(weights, SQUARE, borderType=cv2.BORDER_CONSTANT)
    return sums / np.maximum(share, 1e-6)[..., None]


def _smooth(missing: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Blurred within the hole."""
    weights = hole.astype(np.float32)
    sums = cv2.GaussianBlur(missing * weights[..., None], (0, 0), SIGMA)
    return sums / np.maximum(cv2.GaussianBlur(weights, (0, 0), SIGMA), 1e-6)[..., None]
