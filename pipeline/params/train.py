"""The section `train`: which recipe, for how long, on which holes."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.params.section import MAX_SEED, Section

BUDGET = re.compile(r"(?P<number>\d+(\.\d+)?) (?P<unit>images|epochs|minutes)")


class TrainParams(Section):
    """What the stage `train` reads beside the chosen recipe's options."""

    recipe: str = Field(description="one of models/recipes; its options: recipes.<name>")
    seed: int = Field(ge=0, le=MAX_SEED, description="of weights, order, flips and fresh holes")
    budget: str = Field(
        description="how long to train: a number of images, epochs or minutes; more continues"
    )
    batch_size: int = Field(ge=1, le=4096, description="photos a step, over all processes")
    accumulate: int = Field(
        ge=1,
        le=4096,
        description="equal parts that a batch is worked through in; more need less memory",
    )
    holes: Literal["fresh", "stored"] = Field(
        description="fresh: new holes each time a photo is seen; stored: those of the shards"
    )
    adversary: bool = Field(
        description="false: adversarial losses have weight 0, a baseline that shows what they give"
    )
    flip: bool = Field(description="mirror half of the photos left to right")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        description="auto: bf16 on a GPU that has it, fp32 elsewhere"
    )
    compile: Literal["none", "default", "reduce-overhead"] = Field(
        description="torch.compile's mode; reduce-overhead records CUDA graphs; slower on a CPU"
    )
    ema_images: int = Field(
        ge=0,
        le=10**12,
        description="half-life of the averaged weights; 0: the last weights as they are",
    )
    select: Literal["last", "hole_l1", "hole_psnr", "sliced_wasserstein"] = Field(
        description="which weights to keep: the last, or the best by this figure of validation; "
        "sliced_wasserstein where the recipe makes up images, else one of the hole"
    )
    patience_images: int = Field(
        ge=0,
        le=10**12,
        description="images without a better `select` figure that end the run; 0: never",
    )
    sync_every: int = Field(
        ge=1,
        le=10**6,
        description="steps between two looks of the host at the losses; published GANscape: 1",
    )
    log_every: int = Field(ge=1, le=10**9, description="steps between two points of the history")
    sample_every: int = Field(
        ge=1, le=10**9, description="steps between two validations and sample grids"
    )
    checkpoint_every: int = Field(
        ge=1,
        le=10**9,
        description="steps between two checkpoints; a diverged run rolls back to a good one",
    )
    num_samples: int = Field(ge=1, le=64, description="validation photos in a sample grid")

    @field_validator("budget")
    @classmethod
    def _is_budget(cls, budget: str) -> str:
        match = BUDGET.fullmatch(budget)
        if match is None or float(match["number"]) <= 0:
            raise ValueError("must be a number and a unit: 48000 images, 220 epochs or 30 minutes")
        return budget

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"params.yaml train.accumulate is {self.accumulate}, but must divide "
                f"train.batch_size ({self.batch_size}) into equal parts"
            )
        if self.patience_images and self.select == "last":
            raise ValueError(
                f"params.yaml train.patience_images is {self.patience_images}, but train.select is "
                "'last', which names no figure to wait for: write hole_l1 or hole_psnr, "
                "sliced_wasserstein for a recipe that makes up images, or 0"
            )
        return self
