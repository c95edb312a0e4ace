"""Options of the hole kind `random_pixels`: single pixels all over the photo."""

from typing import ClassVar

from pydantic import Field

from pipeline.params.hole_options import HoleOptions


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
