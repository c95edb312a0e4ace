"""The hole kind `box`: rectangles with sides and places of their own."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from pipeline.holes.drawn_holes import DrawnHoles, of_rectangles
from pipeline.holes.draws import Draws
from pipeline.holes.options import HoleOptions


class BoxOptions(HoleOptions):
    """The section `holes.box` of params.yaml."""

    WHERE: ClassVar[str] = "holes.box"

    side_min: int = Field(ge=1, description="px; shortest side of a hole")
    side_max: int = Field(ge=1, description="px; longest side of a hole")
    num_holes: int = Field(
        ge=1, le=64, description="in each photo; they may overlap, the box is around the first"
    )

    def check_sizes(self, image_size: int, box_size: int) -> None:
        """A ValueError where the holes are too large for these px."""
        if self.side_max > box_size:
            raise ValueError(
                f"params.yaml holes.box.side_max is {self.side_max} "
                f"but must be <= crop.box_size ({box_size})"
            )
        if self.num_holes * self.side_max**2 >= image_size**2:
            raise ValueError(
                f"params.yaml holes.box: {self.num_holes} holes of up to {self.side_max} x "
                f"{self.side_max} px could cover the whole image of {image_size} x "
                f"{image_size}: lower num_holes or side_max"
            )


OPTIONS = BoxOptions


def draw(draws: Draws, num: int, image_size: int, options: BoxOptions) -> DrawnHoles:
    """Sides uniform in side_min..side_max, places uniform over all that fit."""
    shape = (num, options.num_holes, 2)
    sides = draws.integers(options.side_min, options.side_max, shape)
    corners = draws.integers(0, image_size - sides, shape)
    return of_rectangles(np.concatenate([corners, sides], axis=2), image_size)
