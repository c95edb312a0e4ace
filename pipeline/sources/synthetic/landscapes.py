"""Painted landscapes: images of true Places365 categories from nothing but random numbers.

They stand in for photographs where none may be downloaded: varied, textured, free to pass on.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.landscape import buildings, grading, land, shores, woods
from pipeline.sources.synthetic.landscape.scenery import Scene

Image = npt.NDArray[np.uint8]
Painter = Callable[[Draws, int], Scene]

# Painted larger and scaled down, so that outlines are smooth.
_OVERSIZE = 1.25

_PAINTERS: dict[str, Painter] = {
    "b/badlands": land.badlands,
    "b/beach": shores.beach,
    "c/coast": shores.coast,
    "d/desert/sand": land.desert,
    "f/field/wild": land.field,
    "f/forest/broadleaf": woods.forest,
    "l/lake/natural": shores.lake,
    "m/mountain": land.mountain,
    "m/mountain_snowy": land.mountain_snowy,
    "o/ocean": shores.ocean,
    "s/sky": shores.sky,
    "s/skyscraper": buildings.skyscraper,
    "t/tundra": land.tundra,
    "v/valley": land.valley,
}

CATEGORIES: tuple[str, ...] = tuple(_PAINTERS)


def paint(category: str, rng: Draws, size: int = 256) -> Image:
    """An image of `category`, HWC uint8."""
    return paint_with_horizon(category, rng, size)[0]


def paint_with_horizon(category: str, rng: Draws, size: int = 256) -> tuple[Image, float]:
    """An image of `category`, and its horizon as a share of the height from the top."""
    if category not in _PAINTERS:
        raise ValueError(f"category is {category!r} but must be one of {', '.join(CATEGORIES)}")
    # Threads would compete with the pool's other workers, and only slow such small images.
    cv2.setNumThreads(1)
    scene = _PAINTERS[category](rng, round(size * _OVERSIZE))
    return grading.develop(rng, scene.image, size), scene.camera.horizon / scene.camera.size
