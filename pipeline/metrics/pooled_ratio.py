"""What completed images have in terms of the originals: one quotient of sums over all photos.

A mean of the photos' own quotients would be that of the few photos that have next to nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# What is there in the completed images and not at all in the originals has no ratio.
MAX_RATIO = 100.0


def pooled_ratio(completed: Any, original: Any) -> NDArray[np.float64]:
    """Sum / sum, of numbers or arrays alike in shape; none is below 0, nan stays nan.

    Equal sums are 1, be they nothing in both; at most MAX_RATIO.
    """
    completed, original = np.broadcast_arrays(*(np.float64(each) for each in (completed, original)))
    ratio = np.divide(completed, original, out=np.full(original.shape, np.inf), where=original != 0)
    capped = np.where(completed == original, 1.0, np.minimum(ratio, MAX_RATIO))
    return np.where(np.isnan(completed) | np.isnan(original), np.nan, capped)
