"""Other ways to fill a hole: what a generator has to beat, and the floor.

Each takes the image (HWC uint8) and the mask (HW bool, True = fill) and returns the completed
image. The original's hole pixels are blanked before any of them sees it. `other_photo` alone
takes pixels from elsewhere: the hole of another test photo, which fits nothing around it.
"""

from collections.abc import Callable

import numpy as np

from pipeline.inpainting.harmonic import biharmonic, harmonic
from pipeline.inpainting.nearest import nearest
from pipeline.inpainting.opencv import navier_stokes, telea
from pipeline.inpainting.patch_copy import patch_copy
from pipeline.inpainting.poisson_blending import poisson_blended
from pipeline.params.evaluate import Baseline, FillName

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]

# What an image is filled with of which nothing is known.
GREY = 128


def complete(
    name: Baseline, image: np.ndarray, mask: np.ndarray, other: np.ndarray | None = None
) -> np.ndarray:
    """`image` with its hole filled by the method `name`; context pixels stay as they are.

    `other` is the image that `other_photo` takes its pixels from. Where the hole leaves no
    context, what would fill from it gives mid-grey.
    """
    if name == "other_photo":
        assert other is not None and other.shape == image.shape
        return np.where(mask[..., None], other, image)
    if mask.all():
        return np.full_like(image, GREY)
    blanked = np.where(mask[..., None], np.uint8(0), image)
    return np.where(mask[..., None], FILLS[name](blanked, mask), image)


def mean_color(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The context's mean colour."""
    filled = np.empty_like(image)
    filled[:] = np.rint(image[~mask].mean(axis=0))
    return filled


def mean_color_blended(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The context's mean colour, then Poisson blending: what the blending does on its own.

    A generator whose completions are blended has to beat this one, or learnt nothing.
    """
    return poisson_blended(np.where(mask[..., None], mean_color(image, mask), image), mask)


FILLS: dict[FillName, Fill] = {
    "mean_color": mean_color,
    "mean_color_blended": mean_color_blended,
    "nearest": nearest,
    "harmonic": harmonic,
    "biharmonic": biharmonic,
    "telea": telea,
    "navier_stokes": navier_stokes,
    "patch_copy": patch_copy,
}
