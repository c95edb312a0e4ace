"""Image-to-image translation: a U-Net against a patch discriminator that sees what it was given.

What pix2pix and the systems built from it have in common. Each step trains the discriminator,
then the generator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from models.components import losses
from models.components.compose import composite
from models.components.initialise import he_normal, normal
from models.components.masked_input import Fill, MaskedInput
from models.components.optimizers import OptimizerOptions
from models.components.options import Options, RecipeOptions
from models.components.pixels import to_unit
from models.components.schedule import Phase, PhaseSchedule
from models.networks.blocks import BlockStyle, leaky
from models.networks.norm import Norm, norm_layer
from models.networks.patch_discriminator import PatchDiscriminator, strided_layers
from models.networks.unet import Layout, UNet, UNetStyle, level_channels
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

ADAM = {"name": "Adam", "lr": 0.0002, "betas": [0.5, 0.999]}

# pix2pix as published: Isola et al. 2017, github.com/junyanz/pytorch-CycleGAN-and-pix2pix.
PUBLISHED: dict[str, Any] = {
    "width": 64,
    "layout": "torch",
    "norm": "batch",
    "dropout": 0.5,
    "slope": 0.2,
    "transposed": True,
    "fill": "black",
    "mask_channel": False,
    "unit_range": False,
    "completed": False,
    "patch_share": 70 / 256,
    "patch_channels": 8,
    "real_weight": 0.5,
    "fake_weight": 0.5,
    "l1_weight": 100.0,
    "adversarial_weight": 1.0,
    "optimizers": {"generator": ADAM, "discriminator": ADAM},
}

MENDED: dict[str, Any] = {
    **PUBLISHED,
    "norm": "none",
    "dropout": 0.0,
    "transposed": False,
    "fill": "context_mean",
    "mask_channel": True,
    "completed": True,
    "patch_channels": 4,
    # Without norms the published rate leaves the generator's hole visible for long.
    "optimizers": {"generator": {**ADAM, "lr": 0.001}, "discriminator": ADAM},
}


class TranslationOptimizers(Options):
    """One a network."""

    generator: OptimizerOptions
    discriminator: OptimizerOptions


class TranslationOptions(RecipeOptions):
    """What these recipes have in common."""

    unit_l1: ClassVar[bool] = False  # whether L1 is that of pixels in [0, 1]: half as large

    width: int = Field(ge=2, le=256, description="channels of the first layer; published: 64")
    layout: Layout = Field(
        description="torch: ReLU in front of each layer upwards, the innermost pixel without norm; "
        "keras: ReLU behind it, the innermost with norm"
    )
    norm: Norm = Field(
        description="batch: of the batch in training, of each photo alone in use (published for a "
        "batch of 1); instance: of each photo; none"
    )
    dropout: float = Field(
        ge=0, lt=1, description="generator: on its smallest maps upwards, in use too; 0: none"
    )
    slope: float = Field(ge=0, lt=1, description="of the LeakyReLU downwards; 0: ReLU")
    transposed: bool = Field(description="upsampling by transposed convolutions")
    fill: Fill = Field(description="what the generator sees in the hole")
    mask_channel: bool = Field(description="whether both networks see the mask")
    unit_range: bool = Field(description="layers see [0, 1] instead of [-1, 1], under a tanh")
    completed: bool = Field(
        description="discriminator sees completed images and is asked only of patches with a hole "
        "pixel; L1 is the hole's alone"
    )
    patch_share: float = Field(
        gt=0,
        le=1,
        description="discriminator: side of what one logit sees, as a share of the image's; the "
        "nearest of 7, 16, 34, 70, 142, 286 px is taken; published: 70 of 256",
    )
    patch_channels: int = Field(
        ge=1, le=16, description="discriminator: of its last layer but one, in multiples of width"
    )
    real_weight: float = Field(ge=0, description="of real pictures in the discriminator's loss")
    fake_weight: float = Field(ge=0, description="of fakes in the discriminator's loss")
    l1_weight: float = Field(ge=0, description="of the absolute error")
    adversarial_weight: float = Field(ge=0, description="of the generator's adversarial term")
    optimizers: TranslationOptimizers = Field(description="one a network")


def build_generator(options: TranslationOptions, image_size: int) -> UNet:
    """Untrained; a ValueError where the image size is no power of two from 32 to 512."""
    generator = UNet(
        level_channels(image_size, options.width),
        UNetStyle(
            layout=options.layout,
            norm=_norm(options),
            slope=options.slope,
            dropout=options.dropout,
            transposed=options.transposed,
        ),
        MaskedInput(
            fill=options.fill, mask_channel=options.mask_channel, unit_range=options.unit_range
        ),
    )
    _initialise(generator, options)
    return generator


def build_discriminator(options: TranslationOptions, image_size: int) -> PatchDiscriminator:
    """Sized to the image."""
    discriminator = PatchDiscriminator(
        4 if options.mask_channel else 3,
        width=options.width,
        num_strided=strided_layers(image_size, options.patch_share),
        last_channels=options.width * options.patch_channels,
        style=BlockStyle(leaky(options.slope), _norm(options), norm_first=True),
        first_bias=options.layout == "torch",
        unit_range=options.unit_range,
    )
    _initialise(discriminator, options)
    return discriminator


@dataclass(frozen=True)
class Game:
    """The terms of the two updates."""

    generator: UNet
    discriminator: PatchDiscriminator
    options: TranslationOptions

    def discriminator_terms(self, batch: Batch) -> Terms:
        """Tell the original from the generator's picture, each beside the masked photo."""
        given = self.given(batch)
        fake = self.fake(self.generator.unclamped(batch.image, batch.mask), batch)
        real_logits = self.discriminator(given, batch.image)
        return losses.judgement(real_logits, self.discriminator(given, fake), self.asked(batch))

    def generator_terms(self, batch: Batch) -> Terms:
        """Absolute error, and logits of the fakes towards real."""
        output = self.generator.unclamped(batch.image, batch.mask)
        logits = self.discriminator(self.given(batch), self.fake(output, batch))
        return {
            "l1": self.absolute_error(output, batch),
            "adversarial": losses.real_loss(logits, self.asked(batch)),
        }

    def given(self, batch: Batch) -> Tensor:
        """What both networks see of a photo with its hole."""
        seen: Tensor = self.generator.masked_input(batch.image, batch.mask)
        return seen

    def fake(self, output: Tensor, batch: Batch) -> Tensor:
        """What the discriminator judges, (N, 3, S, S)."""
        if self.options.completed:
            return composite(output, batch.image, batch.mask)
        return output

    def asked(self, batch: Batch) -> Tensor | None:
        """Whose logits count. In completed images other patches are the same in real and fake."""
        return self.discriminator.sees(batch.mask) if self.options.completed else None

    def absolute_error(self, output: Tensor, batch: Batch) -> Tensor:
        """In the published range."""
        image = batch.image
        if self.options.unit_l1:
            output, image = to_unit(output), to_unit(image)
        if self.options.completed:
            return losses.absolute_error_hole(output, image, batch.mask)
        return losses.absolute_error_image(output, image)


def new_game(options: TranslationOptions, data_spec: DataSpec, device: torch.device) -> Game:
    """Both networks on `device`."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    with seeded(data_spec.seed, "discriminator"):
        discriminator = build_discriminator(options, data_spec.image_size)
    generator.masked_input.set_mean_color(data_spec.mean_color)
    to_device({"generator": generator, "discriminator": discriminator}, device)
    return Game(generator, discriminator, options)


def recipe_of(game: Game, extra_weights: Mapping[str, float] | None = None) -> Recipe:
    """`extra_weights`: of terms that the game's generator has beside these.

    Batch norms see the batch in frozen networks too, as in the published code.
    """
    options = game.options
    batch_norm = options.norm == "batch"
    generator_weights = {"l1": options.l1_weight, "adversarial": options.adversarial_weight}
    discriminator_weights = {"real": options.real_weight, "fake": options.fake_weight}
    networks: dict[str, nn.Module] = {
        "generator": game.generator,
        "discriminator": game.discriminator,
    }
    return Recipe(
        generator=game.generator,
        networks=networks,
        optimizers={
            name: getattr(options.optimizers, name).build(network.parameters())
            for name, network in networks.items()
        },
        updates={
            "discriminator": Update(
                "discriminator",
                "discriminator",
                game.discriminator_terms,
                discriminator_weights,
                others_train=batch_norm,
            ),
            "generator": Update(
                "generator",
                "generator",
                game.generator_terms,
                {**generator_weights, **(extra_weights or {})},
                others_train=batch_norm,
            ),
        },
        schedule=PhaseSchedule([Phase((("discriminator", "generator"),), num_steps=None)]),
    )


def _norm(options: TranslationOptions) -> Callable[[int], nn.Module] | None:
    return norm_layer(options.norm, eps=1e-5 if options.layout == "torch" else 1e-3)


def _initialise(network: nn.Module, options: TranslationOptions) -> None:
    """N(0, 0.02) as published, which without norms would let the signal fade."""
    if options.norm == "none":
        he_normal(network, options.slope)
    else:
        normal(network)
