"""The section `crop`: the kind of holes, the boxes and the final shards."""

from typing import Literal

from pydantic import Field

from pipeline.params.section import MAX_SEED, Section


class CropParams(Section):
    """What the stage `crop` reads; the kind's own options stand under `holes.<kind>`."""

    kind: Literal["box", "center", "strip", "random_pixels", "free_form"] = Field(
        description="of the holes; its options stand under holes.<kind>"
    )
    box_size: int = Field(
        ge=4, le=4096, description="px; side of the window that the local critic sees"
    )
    seed: int = Field(ge=0, le=MAX_SEED, description="of the holes")
    samples_per_shard: int = Field(ge=1, le=100_000, description="samples in one tar")

    def check_sizes(self, image_size: int) -> None:
        """A ValueError where the box is larger than a photo of image_size px."""
        if self.box_size > image_size:
            raise ValueError(
                f"params.yaml crop.box_size is {self.box_size} "
                f"but must be <= downscale.image_size ({image_size})"
            )
