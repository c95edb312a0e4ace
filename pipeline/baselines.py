"""Classical fills of a hole: what a generator has to beat.

Each takes the picture (HWC uint8) and the mask (HW bool, True = fill) and returns the completed
picture. The original's hole pixels are blanked before any of them sees it.
"""

from collections.abc import Callable

import cv2
import numpy as np
from skimage.restoration import inpaint_biharmonic

from pipeline.params.evaluate import Baseline

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]

# px around each pixel that OpenCV's methods look at; its own examples use 3.
RADIUS = 3


def complete(name: Baseline, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`image` with its hole filled by the method `name`; context pixels stay as they are."""
    blanked = np.where(mask[..., None], np.uint8(0), image)
    return np.where(mask[..., None], FILLS[name](blanked, mask), image)


def mean_color(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The context's mean colour."""
    filled = np.empty_like(image)
    filled[:] = np.rint(image[~mask].mean(axis=0))
    return filled


def telea(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fast marching (Telea 2004)."""
    return np.asarray(cv2.inpaint(image, mask.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA))


def navier_stokes(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Isophotes as stream lines (Bertalmio et al. 2001)."""
    return np.asarray(cv2.inpaint(image, mask.astype(np.uint8), RADIUS, cv2.INPAINT_NS))


def biharmonic(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Smoothest surface through the context (Damelin and Hoang 2018)."""
    filled = np.asarray(inpaint_biharmonic(image, mask, channel_axis=2))  # float in about 0..1
    levels: np.ndarray = np.rint(np.clip(filled, 0, 1) * 255)
    return levels.astype(np.uint8)


FILLS: dict[Baseline, Fill] = {
    "mean_color": mean_color,
    "telea": telea,
    "navier_stokes": navier_stokes,
    "biharmonic": biharmonic,
}
