"""Poisson blending: a completion keeps its gradients and takes the colours of its border.

GLCIC's post-processing. Where its implementations blend onto the photo itself, and the hole's
original pixels come back, the image that is blended onto here has its holes filled by Telea's
method. Images are HWC uint8, masks HW bool, True = completed.
"""

import cv2
import numpy as np

from pipeline.inpainting.opencv import telea

# px of known pixels around a hole whose colours it takes.
MARGIN = 1
# px by which seamlessClone shrinks its mask: up to there the gradients are those of Telea's fill.
SHRINKS = 3
SQUARE = np.ones((3, 3), np.uint8)


def poisson_blended(completed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`completed` with each of its holes blended in; known pixels stay as they are.

    A hole less than 5 px wide has no gradients left to keep and stays as it is, too.
    """
    height, width = mask.shape
    background = _mirrored(np.where(mask[..., None], telea(completed, mask), completed))
    source = _mirrored(completed)
    blended = source.copy()
    num, holes = cv2.connectedComponents(_mirrored(mask).astype(np.uint8), connectivity=8)
    for hole in range(1, num):
        inside = (holes == hole).astype(np.uint8)
        around = cv2.dilate(inside, SQUARE, iterations=MARGIN)
        is_seen = inside[height : 2 * height, width : 2 * width].any()
        if is_seen and cv2.erode(around, SQUARE, iterations=SHRINKS).any():
            cloned = _clone(source, background, around)
            blended = np.where(inside[..., None] > 0, cloned, blended)
    middle = blended[height : 2 * height, width : 2 * width]
    return np.where(mask[..., None], middle, completed)


def _clone(source: np.ndarray, background: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`source` within `mask`, in its own place."""
    left, top, width, height = cv2.boundingRect(mask)
    # The middle as seamlessClone computes it: another would shift the source by a pixel.
    centre = (left + width // 2, top + height // 2)
    return np.asarray(cv2.seamlessClone(source, background, 255 * mask, centre, cv2.NORMAL_CLONE))


def _mirrored(picture: np.ndarray) -> np.ndarray:
    """(H, W, ...) -> (3 * H, 3 * W, ...), the image in the middle.

    A hole at the image's border gets known pixels all around in this way, and is not pulled
    towards anything at the border itself.
    """
    height, width = picture.shape[:2]
    sides = [(height, height), (width, width), *[(0, 0)] * (picture.ndim - 2)]
    return np.pad(picture, sides, mode="symmetric")
