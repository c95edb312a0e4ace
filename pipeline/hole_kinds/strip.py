"""The hole kind `strip`: the photo's sides, to be painted beyond what is known."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from pipeline.holes.drawn_holes import DrawnHoles, Rectangles, of_rectangles
from pipeline.holes.draws import Draws, Integers
from pipeline.holes.options import HoleOptions

Side = Literal["left", "right", "top", "bottom"]
OPPOSITES: tuple[tuple[Side, Side], ...] = (("left", "right"), ("top", "bottom"))


class StripOptions(HoleOptions):
    """The section `holes.strip` of params.yaml."""

    WHERE: ClassVar[str] = "holes.strip"

    sides: list[Side] = Field(min_length=1, description="where strips are cut")
    cut: Literal["one", "all"] = Field(
        description="one: one of the sides, drawn for each photo; all: every side at once"
    )
    share_min: float = Field(
        gt=0, lt=1, description="of the photo's width (left, right) or height; narrowest strip"
    )
    share_max: float = Field(gt=0, lt=1, description="the same; widest strip")

    @field_validator("sides")
    @classmethod
    def _are_different(cls, sides: list[Side]) -> list[Side]:
        if len(set(sides)) < len(sides):
            raise ValueError("every side may be named once")
        return sides

    def widths(self, image_size: int) -> tuple[int, int]:
        """px; narrowest and widest strip."""
        return round(self.share_min * image_size), round(self.share_max * image_size)

    def check_sizes(self, image_size: int, box_size: int) -> None:
        """A ValueError where strips have no pixel, or leave none, at these px."""
        narrowest, widest = self.widths(image_size)
        if narrowest < 1:
            raise ValueError(
                f"params.yaml holes.strip.share_min is {self.share_min}, which is no pixel of "
                f"downscale.image_size ({image_size}): raise it"
            )
        at_once = self.cut == "all" and any(set(pair) <= set(self.sides) for pair in OPPOSITES)
        if widest * (2 if at_once else 1) >= image_size:
            what = "from two opposite sides at once " if at_once else ""
            raise ValueError(
                f"params.yaml holes.strip.share_max is {self.share_max}: strips of {widest} px "
                f"{what}leave nothing of downscale.image_size ({image_size}): lower it"
            )


OPTIONS = StripOptions


def draw(draws: Draws, num: int, image_size: int, options: StripOptions) -> DrawnHoles:
    """Widths uniform in whole px; the box lies at one of the sides, each as likely."""
    narrowest, widest = options.widths(image_size)
    widths = draws.integers(narrowest, widest, (num, len(options.sides)))
    strips = np.stack(
        [_strips(side, widths[:, index], image_size) for index, side in enumerate(options.sides)],
        axis=1,
    )
    chosen = strips[np.arange(num), draws.integers(0, len(options.sides) - 1, num)]
    if options.cut == "one":
        return of_rectangles(chosen[:, None], image_size)
    return of_rectangles(strips, image_size)._replace(focus=chosen)


def _strips(side: Side, widths: Integers, image_size: int) -> Rectangles:
    """(N,) widths -> (N, 4) rectangles along `side`."""
    zero, full = np.zeros_like(widths), np.full_like(widths, image_size)
    rectangle = {
        "left": (zero, zero, full, widths),
        "right": (zero, image_size - widths, full, widths),
        "top": (zero, zero, widths, full),
        "bottom": (image_size - widths, zero, widths, full),
    }
    return np.stack(rectangle[side], axis=1)
