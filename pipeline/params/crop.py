"""The section `crop`: holes, boxes and the final shards."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.params.section import Section


class CropParams(Section):
    """What the stage `crop` reads."""

    kind: Literal["box"] = Field(description="box: one rectangle inside a box_size window")
    hole_min: int = Field(ge=1, description="px; shortest side of a hole")
    hole_max: int = Field(ge=1, description="px; longest side of a hole")
    box_size: int = Field(ge=4, description="px; side of the window that the local critic sees")
    seed: int = Field(ge=0, description="of the holes")
    samples_per_shard: int = Field(ge=1, le=100_000, description="samples in one tar")

    @model_validator(mode="after")
    def _hole_fits_box(self) -> Self:
        if self.hole_min > self.hole_max:
            raise ValueError(
                f"params.yaml crop.hole_min is {self.hole_min} "
                f"but must be <= crop.hole_max ({self.hole_max})"
            )
        if self.hole_max > self.box_size:
            raise ValueError(
                f"params.yaml crop.hole_max is {self.hole_max} "
                f"but must be <= crop.box_size ({self.box_size})"
            )
        return self
