"""Options of the hole kind `center`: the same rectangle in the middle of every photo."""

from typing import ClassVar

from pydantic import Field

from pipeline.params.hole_options import HoleOptions


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
                f"params.yaml holes.center.height and width are {image_size}, the whole picture: "
                "one of them must be < downscale.image_size"
            )
