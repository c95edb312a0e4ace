"""Basquiat: pix2pix that paints a strip at the side of a photo, almost by L1 alone.

Made for holes of kind `strip`; see pipeline/completion/outpainting.py for wider ones and for the
left side. `faithful` has the learning rates of the published code, at which nothing is learnt, a
discriminator that was cut short, and a tanh over pixels in [0, 1]; trained with
`train.batch_size: 1`. Published: github.com/Osakwe1/Basquiat.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field

from models.components.compose import composite
from models.components.losses import (
    absolute_error_hole,
    absolute_error_image,
    accuracy,
    fake_loss,
    real_loss,
)
from models.components.optimizers import GanOptimizers, OptimizerOptions
from models.components.pixels import to_unit
from models.components.schedule import Phase, PhaseSchedule
from models.networks import translation
from models.networks.patch_discriminator import PatchDiscriminator
from models.networks.translation import MENDED, PUBLISHED, TranslationOptions
from models.networks.unet import UNet
from models.recipe import Batch, DataSpec, Recipe, Terms, Update

build_generator = translation.build_generator

ADAM = {"name": "Adam", "lr": 0.0002, "betas": [0.5, 0.999]}
KERAS_ADAM = {"name": "Adam", "betas": [0.5, 0.999], "eps": 1e-7}

FAITHFUL: dict[str, Any] = {
    **PUBLISHED,
    "layout": "keras",
    "slope": 0.3,
    "unit_range": True,
    # The layers of 4 and 8 times the width are commented out there: 34 px instead of 70.
    "patch_share": 34 / 256,
    "patch_channels": 16,
    "real_weight": 1.0,
    "fake_weight": 1.0,
    "l1_weight": 750.0,
    "adversarial_weight": 1.0,
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
    "adversarial_weight": 1.0,
    # Without norms the usual rate leaves the generator's hole visible for long.
    "optimizers": {"generator": {**ADAM, "lr": 0.001}, "discriminator": ADAM},
}


class CodedOptimizer(OptimizerOptions):
    """Allows the learning rates of the published code."""

    max_lr: ClassVar[dict[str, float]] = {**OptimizerOptions.max_lr, "Adam": 20.0}


class CodedOptimizers(GanOptimizers):
    """One a network."""

    generator: CodedOptimizer
    discriminator: CodedOptimizer


class Options(TranslationOptions):
    """`recipes.basquiat` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    real_weight: float = Field(ge=0, description="of real photos in the discriminator's loss")
    fake_weight: float = Field(ge=0, description="of fakes in the discriminator's loss")
    l1_weight: float = Field(ge=0, description="of the absolute error")
    adversarial_weight: float = Field(ge=0, description="of the generator's adversarial term")
    optimizers: CodedOptimizers = Field(description="one a network")


@dataclass(frozen=True)
class Losses:
    """x is the photo with its hole as the generator sees it, y the original, G(x) the output.

    L_D = BCE(D(x, y), 1) + BCE(D(x, G(x)), 0), as means over the patches that D judges;
    L_G = BCE(D(x, G(x)), 1) + lambda * mean |y - G(x)|, with pixels in [0, 1].
    """

    generator: UNet
    discriminator: PatchDiscriminator
    completed: bool  # fakes keep the photo's known pixels; the losses count the hole alone

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Tell the original from the generator's image, each beside the masked photo."""
        x = self.generator.masked_input(batch.image, batch.mask)  # (N, 3 or 4, S, S)
        fake = self.generator.unclamped(batch.image, batch.mask)  # (N, 3, S, S)
        if self.completed:
            fake = composite(fake, batch.image, batch.mask)
        real_logits = self.discriminator(x, batch.image)  # (N, 1, P, P): one a patch
        fake_logits = self.discriminator(x, fake)
        # In completed images the other patches are the same in real and fake.
        where = self.discriminator.sees(batch.mask) if self.completed else None
        return {
            "real": real_loss(real_logits, where),  # BCE(D(x, y), 1)
            "fake": fake_loss(fake_logits, where),  # BCE(D(x, G(x)), 0)
            "accuracy": accuracy(real_logits, fake_logits, where),  # reported only
        }

    def generator_loss(self, batch: Batch) -> Terms:
        """Absolute error, and logits of the fakes towards real."""
        output = self.generator.unclamped(batch.image, batch.mask)
        fake, where = output, None
        if self.completed:
            fake = composite(output, batch.image, batch.mask)
            where = self.discriminator.sees(batch.mask)
            l1 = absolute_error_hole(to_unit(output), to_unit(batch.image), batch.mask)
        else:
            # Of the whole image, although all but a strip of it is given.
            l1 = absolute_error_image(to_unit(output), to_unit(batch.image))
        x = self.generator.masked_input(batch.image, batch.mask)
        logits = self.discriminator(x, fake)
        return {"l1": l1, "adversarial": real_loss(logits, where)}


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    generator, discriminator = translation.build_networks(options, data_spec, device)
    losses = Losses(generator, discriminator, options.completed)
    # Batch norms see the batch in the frozen network too, as in the published code.
    batch_norm = options.norm == "batch"
    return Recipe(
        generator=generator,
        networks={"generator": generator, "discriminator": discriminator},
        optimizers={
            "generator": options.optimizers.generator.build(generator.parameters()),
            "discriminator": options.optimizers.discriminator.build(discriminator.parameters()),
        },
        updates={
            "discriminator": Update(
                network="discriminator",
                optimizer="discriminator",
                terms=losses.discriminator_loss,
                weights={"real": options.real_weight, "fake": options.fake_weight},
                others_train=batch_norm,
            ),
            "generator": Update(
                network="generator",
                optimizer="generator",
                terms=losses.generator_loss,
                weights={"l1": options.l1_weight, "adversarial": options.adversarial_weight},
                others_train=batch_norm,
            ),
        },
        schedule=PhaseSchedule([Phase((("discriminator", "generator"),), num_steps=None)]),
    )
