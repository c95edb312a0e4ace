"""The section `downscale`: the one size that everything after it sees."""

from typing import Literal

from pydantic import Field

from pipeline.params.section import Section


class DownscaleParams(Section):
    """What the stage `downscale` reads."""

    image_size: int = Field(ge=16, le=512, description="px; a photo with a shorter side is dropped")
    fit: Literal["center_crop", "stretch"] = Field(
        description="center_crop keeps the proportions, stretch keeps the borders"
    )
    photos_per_shard: int = Field(ge=1, le=100_000, description="photos in one tar")
