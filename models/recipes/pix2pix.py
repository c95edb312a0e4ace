"""pix2pix: a U-Net against a PatchGAN that sees what the image was made from, and L1.

`faithful` is the published system, noisy and with the statistics of its batch in use too, trained
with `train.batch_size: 1`. `default` behaves the same in training and in use.
Published: Isola et al. 2017, github.com/junyanz/pytorch-CycleGAN-and-pix2pix.
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
from models.components.optimizers import GanOptimizers
from models.components.schedule import Phase, PhaseSchedule
from models.networks import translation
from models.networks.patch_discriminator import PatchDiscriminator
from models.networks.translation import MENDED, PUBLISHED, TranslationOptions
from models.networks.unet import UNet
from models.recipe import Batch, DataSpec, Recipe, Terms, Update

build_generator = translation.build_generator

ADAM = {"name": "Adam", "lr": 0.0002, "betas": [0.5, 0.999]}

# The published objective is min_G max_D V(G, D) + 100 * L1(G) (see Losses), with D's side of it
# halved, so that D learns more slowly than G.
LOSS_WEIGHTS = {
    "real_weight": 0.5,
    "fake_weight": 0.5,
    "l1_weight": 100.0,
    "adversarial_weight": 1.0,
}

FAITHFUL: dict[str, Any] = {
    **PUBLISHED,
    **LOSS_WEIGHTS,
    "optimizers": {"generator": ADAM, "discriminator": ADAM},
}

DEFAULT: dict[str, Any] = {
    **MENDED,
    **LOSS_WEIGHTS,
    # Without norms the published rate leaves the generator's hole visible for long.
    "optimizers": {"generator": {**ADAM, "lr": 0.001}, "discriminator": ADAM},
}


class Options(TranslationOptions):
    """`recipes.pix2pix` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    real_weight: float = Field(ge=0, description="of real photos in the discriminator's loss")
    fake_weight: float = Field(ge=0, description="of fakes in the discriminator's loss")
    l1_weight: float = Field(ge=0, description="of the absolute error")
    adversarial_weight: float = Field(ge=0, description="of the generator's adversarial term")
    optimizers: GanOptimizers = Field(description="one a network")


@dataclass(frozen=True)
class Losses:
    """x is the photo with its hole as the generator sees it, y the original, G(x) the output.

    Isola et al. 2017: V(G, D) = E[log D(x, y)] + E[log(1 - D(x, G(x)))], L1(G) = E|y - G(x)|,
    as means over the patches that D judges and over the pixels.
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
            "real": real_loss(real_logits, where),  # -log D(x, y)
            "fake": fake_loss(fake_logits, where),  # -log(1 - D(x, G(x)))
            "accuracy": accuracy(real_logits, fake_logits, where),  # reported only
        }

    def generator_loss(self, batch: Batch) -> Terms:
        """Absolute error, and logits of the fakes towards real."""
        output = self.generator.unclamped(batch.image, batch.mask)
        fake, where = output, None
        if self.completed:
            fake = composite(output, batch.image, batch.mask)
            where = self.discriminator.sees(batch.mask)
            l1 = absolute_error_hole(output, batch.image, batch.mask)
        else:
            l1 = absolute_error_image(output, batch.image)
        x = self.generator.masked_input(batch.image, batch.mask)
        logits = self.discriminator(x, fake)
        # As published G maximises log D(x, G(x)) and does not minimise log(1 - D(x, G(x))), whose
        # gradient vanishes where D is sure.
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
