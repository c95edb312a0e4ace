"""The section `evaluate`: what the generator is held against."""

from typing import Literal

from pydantic import Field, field_validator

from pipeline.params.section import Section

# Of one image alone: what `complete --model` takes too.
FillName = Literal[
    "mean_color",
    "mean_color_blended",
    "nearest",
    "harmonic",
    "biharmonic",
    "telea",
    "navier_stokes",
    "patch_copy",
]
Baseline = Literal[FillName, "other_photo"]
Blend = Literal["none", "feather", "poisson"]


class EvaluateParams(Section):
    """What the stage `evaluate` reads."""

    baselines: list[Baseline] = Field(description="other fills of the same holes")
    blend: Blend = Field(
        description="how completions are fitted to their borders, as by `complete`; GLCIC: poisson"
    )
    num_grid: int = Field(ge=1, le=64, description="test photos in the grid, chosen by key")
    colors: int = Field(
        description="10..200: the model's output is reduced to so many, by k-means; 0: all are kept"
    )
    inception_weights_path: str = Field(
        description="file of Inception's weights for the standard FID and KID; download, or empty"
    )
    lpips_weights_path: str = Field(
        description="file of AlexNet's weights for LPIPS; download, or empty: not measured"
    )

    @field_validator("colors")
    @classmethod
    def _none_or_some(cls, colors: int) -> int:
        if colors and not 10 <= colors <= 200:
            raise ValueError("must be 0, for all colours, or 10 to 200")
        return colors
