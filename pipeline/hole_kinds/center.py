"""The hole kind `center`: the same rectangle in the middle of every photo."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from pipeline.holes.drawn_holes import DrawnHoles, of_rectangles
from pipeline.holes.draws import Draws
from pipeline.holes.options import HoleOptions


class CenterOptions(HoleOptions):
    """The section `holes.center` of params.yaml."""

    WHERE: ClassVar[str] = "holes.center"

    height: int = Field(ge=1, description="px")
    width: int = Field(ge=1, description="px")

    def check_sizes(self, image_size: int, box_size: int) -> None:
        """A ValueError where the hole is too large for these px."""
        for name, side in (("height", self.height), ("width", self.width)):
            if side > image_size:
                raise ValueError(
                    f"params.yaml holes.center.{name} is {side} "
                    f"but must be <= downscale.image_size ({image_size})"
                )
        if self.height == self.width == image_size:
            raise ValueError(
                f"params.yaml holes.center.height and width are {image_size}, the whole image: "
                "one of them must be < downscale.image_size"
            )


OPTIONS = CenterOptions


def draw(draws: Draws, num: int, image_size: int, options: CenterOptions) -> DrawnHoles:
    """Nothing is drawn; where it cannot be halved, the margin is larger below and to the right."""
    height, width = options.height, options.width
    hole = [(image_size - height) // 2, (image_size - width) // 2, height, width]
    return of_rectangles(np.tile(hole, (num, 1, 1)), image_size)
