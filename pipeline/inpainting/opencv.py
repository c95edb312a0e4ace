"""OpenCV's inpainting: image HWC uint8, mask HW bool, True = fill."""

import cv2
import numpy as np

# px around each pixel that both methods look at; OpenCV's own examples use 3.
RADIUS = 3


def telea(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Fast marching (Telea 2004)."""
    return np.asarray(cv2.inpaint(image, mask.astype(np.uint8), RADIUS, cv2.INPAINT_TELEA))


def navier_stokes(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Isophotes as stream lines (Bertalmio et al. 2001)."""
    return np.asarray(cv2.inpaint(image, mask.astype(np.uint8), RADIUS, cv2.INPAINT_NS))
