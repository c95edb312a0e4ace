"""The hole kind `random_pixels`: single pixels all over the photo."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from pipeline.holes.drawn_holes import DrawnHoles
from pipeline.holes.draws import Draws
from pipeline.holes.options import HoleOptions


class RandomPixelsOptions(HoleOptions):
    """The section `holes.random_pixels` of params.yaml."""

    WHERE: ClassVar[str] = "holes.random_pixels"

    share_min: float = Field(gt=0, lt=1, description="of the photo's pixels; smallest hole")
    share_max: float = Field(gt=0, lt=1, description="of the photo's pixels; largest hole")

    def counts(self, image_size: int) -> tuple[int, int]:
        """Pixels of the smallest and of the largest hole."""
        return round(self.share_min * image_size**2), round(self.share_max * image_size**2)

    def check_sizes(self, image_size: int, box_size: int) -> None:
        """A ValueError where a share is none or all of the photo's pixels."""
        fewest, most = self.counts(image_size)
        if fewest < 1:
            raise ValueError(
                f"params.yaml holes.random_pixels.share_min is {self.share_min}, which is no "
                f"pixel of {image_size} x {image_size}: raise it"
            )
        if most >= image_size**2:
            raise ValueError(
                f"params.yaml holes.random_pixels.share_max is {self.share_max}, which is every "
                f"pixel of {image_size} x {image_size}: lower it"
            )


OPTIONS = RandomPixelsOptions


def draw(draws: Draws, num: int, image_size: int, options: RandomPixelsOptions) -> DrawnHoles:
    """The number of pixels uniform in its range, the pixels uniform; the box is in the middle."""
    counts = draws.integers(*options.counts(image_size), num)
    ranks = draws.words((num, image_size**2))
    # Those of the lowest draws. Two equal ones of 64 bits would make it a pixel more.
    last = np.sort(ranks, axis=1)[np.arange(num), counts - 1]
    masks = (ranks <= last[:, None]).reshape(num, image_size, image_size)
    start, side = (image_size - 1) // 2, 2 - image_size % 2
    middle = np.tile([start, start, side, side], (num, 1))
    return DrawnHoles(masks, np.empty((num, 0, 4), dtype=np.int64), middle)
