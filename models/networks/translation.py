"""The two networks of pix2pix and of the systems built from it, and their options.

A U-Net from the masked photo to the whole image, against a patch discriminator that sees what the
U-Net was given beside the image. Losses and their weights are each recipe's own.
"""

from collections.abc import Callable
from typing import Any

import torch
from pydantic import Field
from torch import nn

from models.components.initialise import he_normal, normal
from models.components.masked_input import Fill, MaskedInput
from models.components.options import RecipeOptions
from models.networks.blocks import BlockStyle, leaky
from models.networks.norm import Norm, norm_layer
from models.networks.patch_discriminator import PatchDiscriminator, strided_layers
from models.networks.unet import Layout, UNet, UNetStyle, level_channels
from models.recipe import DataSpec, seeded, to_device

# As published for 256 px: Isola et al. 2017, github.com/junyanz/pytorch-CycleGAN-and-pix2pix.
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
}

# The same in training and in use: nothing that depends on the batch, no noise, and the known
# pixels of a fake are the photo's own.
MENDED: dict[str, Any] = {
    **PUBLISHED,
    "norm": "none",
    "dropout": 0.0,
    "transposed": False,
    "fill": "context_mean",
    "mask_channel": True,
    "completed": True,
    "patch_channels": 4,
}


class TranslationOptions(RecipeOptions):
    """The networks' options, and what the discriminator is shown."""

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


def build_networks(
    options: TranslationOptions, data_spec: DataSpec, device: torch.device
) -> tuple[UNet, PatchDiscriminator]:
    """Generator and discriminator on `device`, untrained; each has a random stream of its own."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    with seeded(data_spec.seed, "discriminator"):
        discriminator = build_discriminator(options, data_spec.image_size)
    generator.masked_input.set_mean_color(data_spec.mean_color)
    to_device({"generator": generator, "discriminator": discriminator}, device)
    return generator, discriminator


def _norm(options: TranslationOptions) -> Callable[[int], nn.Module] | None:
    return norm_layer(options.norm, eps=1e-5 if options.layout == "torch" else 1e-3)


def _initialise(network: nn.Module, options: TranslationOptions) -> None:
    """N(0, 0.02) as published, which without norms would let the signal fade."""
    if options.norm == "none":
        he_normal(network, options.slope)
    else:
        normal(network)
