"""The section `train`: which recipe, for how long, on which holes."""

from typing import Literal

from pydantic import Field

from pipeline.params.section import Section


class TrainParams(Section):
    """What the stage `train` reads beside the chosen recipe's options."""

    recipe: str = Field(description="one of models/recipes; its options: recipes.<name>")
    seed: int = Field(ge=0, description="of weights, order, flips and fresh holes")
    num_images: int = Field(ge=1, description="budget: photos seen; raising it continues")
    batch_size: int = Field(ge=1, le=4096, description="photos a step")
    holes: Literal["fresh", "stored"] = Field(
        description="fresh: new holes each time a photo is seen; stored: those of the shards"
    )
    flip: bool = Field(description="mirror half of the photos left to right")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        description="auto: bf16 on a GPU, fp32 elsewhere"
    )
    meet_every: int = Field(
        ge=1, description="steps between two looks of the host at the losses; published GANscape: 1"
    )
    log_every: int = Field(ge=1, description="steps between two points of the history")
    sample_every: int = Field(ge=1, description="steps between two sample grids")
    checkpoint_every: int = Field(ge=1, description="steps between two checkpoints")
    num_samples: int = Field(ge=1, le=64, description="validation photos in a sample grid")
