"""The section `evaluate`: what the generator is held against."""

from typing import Literal

from pydantic import Field

from pipeline.params.section import Section

Baseline = Literal["mean_color", "telea", "navier_stokes", "biharmonic"]
Blend = Literal["none", "poisson"]


class EvaluateParams(Section):
    """What the stage `evaluate` reads. It draws no random number."""

    baselines: list[Baseline] = Field(description="classical fills of the same holes")
    blend: Blend = Field(
        description="how completions meet their surroundings; poisson: by their gradients, GLCIC's"
    )
    num_grid: int = Field(ge=1, le=64, description="test photos in the grid, chosen by key")
