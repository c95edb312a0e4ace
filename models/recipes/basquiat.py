"""Basquiat: pix2pix that paints a strip at the side of a photo, almost by L1 alone.

Made for holes of kind `strip`; see pipeline/completion/outpainting.py for wider ones and for the
left side. `faithful` has the learning rates of the published code, at which nothing is learnt, a
discriminator that was cut short, and a tanh over pixels in [0, 1]; trained with
`train.batch_size: 1`. Published: github.com/Osakwe1/Basquiat.
"""

from typing import Any, ClassVar

import torch
from pydantic import Field

from models.components.optimizers import OptimizerOptions
from models.families import translation
from models.families.translation import MENDED, PUBLISHED, TranslationOptimizers, TranslationOptions
from models.recipe import DataSpec, Recipe

build_generator = translation.build_generator

KERAS_ADAM = {"name": "Adam", "betas": [0.5, 0.999], "eps": 1e-7}

FAITHFUL: dict[str, Any] = {
    **PUBLISHED,
    "layout": "keras",
    "slope": 0.3,
    "unit_range": True,
    "patch_share": 34 / 256,
    "patch_channels": 16,
    "real_weight": 1.0,
    "fake_weight": 1.0,
    "l1_weight": 750.0,
    "optimizers": {
        "generator": {**KERAS_ADAM, "lr": 0.2},
        "discriminator": {**KERAS_ADAM, "lr": 20.0},
    },
}

DEFAULT: dict[str, Any] = {
    **MENDED,
    "layout": "keras",
    "slope": 0.3,
    "real_weight": 1.0,
    "fake_weight": 1.0,
    # 750 over a whole image of which the strip is a quarter: the mean over the strip alone is four
    # times as large.
    "l1_weight": 187.5,
}


class CodedOptimizer(OptimizerOptions):
    """Allows the learning rates of the published code."""

    max_lr: ClassVar[dict[str, float]] = {**OptimizerOptions.max_lr, "Adam": 20.0}


class CodedOptimizers(TranslationOptimizers):
    """One a network."""

    generator: CodedOptimizer
    discriminator: CodedOptimizer


class Options(TranslationOptions):
    """`recipes.basquiat` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}
    unit_l1: ClassVar[bool] = True

    optimizers: CodedOptimizers = Field(description="one a network")


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    return translation.recipe_of(translation.new_game(options, data_spec, device))
