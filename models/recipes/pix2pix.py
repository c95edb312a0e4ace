"""pix2pix: a U-Net against a PatchGAN that sees what the picture was made from, and L1.

`faithful` is the published system, noisy and with the statistics of its batch in use too, trained
with `train.batch_size: 1`. `default` behaves the same in training and in use.
Published: Isola et al. 2017, github.com/junyanz/pytorch-CycleGAN-and-pix2pix.
"""

from typing import ClassVar

import torch

from models.families import translation
from models.families.translation import MENDED, PUBLISHED, TranslationOptions
from models.recipe import DataSpec, Recipe

build_generator = translation.build_generator


class Options(TranslationOptions):
    """`recipes.pix2pix` in params.yaml."""

    presets: ClassVar = {"default": MENDED, "faithful": PUBLISHED}


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    return translation.recipe_of(translation.new_game(options, data_spec, device))
