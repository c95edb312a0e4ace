"""Fresh training holes: rectangles drawn anew for every batch, and the boxes around them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# (N, 4) int64, half-open [top, left, height, width] in px.
Rectangles = NDArray[np.int64]


@dataclass(frozen=True)
class HoleSizes:
    """The sizes recorded in the shards' metadata; px."""

    image_size: int
    box_size: int
    hole_min: int
    hole_max: int


def draw_holes(rng: np.random.Generator, num: int, sizes: HoleSizes) -> Rectangles:
    """`num` holes: sides uniform in hole_min..hole_max, positions uniform over all that fit."""
    sides = rng.integers(sizes.hole_min, sizes.hole_max, (num, 2), endpoint=True)
    corners = rng.integers(0, sizes.image_size - sides, endpoint=True)
    return np.concatenate([corners, sides], axis=1)


def boxes_around(holes: Rectangles, sizes: HoleSizes) -> Rectangles:
    """Boxes of box_size centred on the holes, then shifted into the image."""
    margins = (sizes.box_size - holes[:, 2:]) // 2
    corners = np.clip(holes[:, :2] - margins, 0, sizes.image_size - sizes.box_size)
    return np.concatenate([corners, np.full_like(corners, sizes.box_size)], axis=1)
