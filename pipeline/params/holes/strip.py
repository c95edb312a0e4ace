"""Options of the hole kind `strip`: a share of the photo along its sides, for outpainting."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from pipeline.params.hole_options import HoleOptions

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
