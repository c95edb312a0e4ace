"""The game of GANscape and GLCIC: a completion against a context discriminator."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from torch import Tensor, nn

from models.components import losses
from models.components.compose import composite
from models.components.initialise import he_normal
from models.components.masked_input import Fill, MaskedInput
from models.components.options import RecipeOptions
from models.networks.blocks import BlockStyle, Layer, leaky
from models.networks.context_discriminator import ContextDiscriminator
from models.networks.layered_generator import LayeredGenerator
from models.recipe import Batch, DataSpec, Terms


class ContextOptions(RecipeOptions):
    """Options of both systems."""

    width: int = Field(ge=2, le=256, description="channels of the first layer; published: 64")
    batch_norm: bool = Field(description="behind the activations")
    generator_slope: float = Field(ge=0, lt=1, description="of its LeakyReLU; 0: ReLU")
    discriminator_slope: float = Field(ge=0, lt=1, description="of its LeakyReLU; 0: ReLU")
    fill: Fill = Field(description="what the generator sees in the hole")
    mask_channel: bool = Field(description="whether the generator sees the mask")
    transposed: bool = Field(description="upsampling by transposed convolutions")
    unit_range: bool = Field(description="layers see [0, 1] instead of [-1, 1]")
    completed: bool = Field(description="discriminator sees completed images, not raw output")


@dataclass(frozen=True)
class Norm:
    """A system's batch norm, and the first weights of networks that have it."""

    layer: Callable[[int], nn.Module]
    initialise: Callable[[nn.Module], None]


def context_generator(
    options: ContextOptions, layers: Sequence[Layer], norm: Norm
) -> LayeredGenerator:
    """Untrained."""
    generator = LayeredGenerator(
        layers,
        width=options.width,
        style=_style(options, options.generator_slope, norm),
        masked_input=MaskedInput(
            fill=options.fill, mask_channel=options.mask_channel, unit_range=options.unit_range
        ),
        transposed=options.transposed,
    )
    _initialise(generator, options, options.generator_slope, norm)
    return generator


def context_discriminator(
    options: ContextOptions, data_spec: DataSpec, norm: Norm, **layers: Any
) -> ContextDiscriminator:
    """Untrained, sized to the data_spec's image and box; `layers` as ContextDiscriminator's."""
    discriminator = ContextDiscriminator(
        **layers,
        width=options.width,
        image_size=data_spec.image_size,
        box_size=data_spec.box_size,
        style=_style(options, options.discriminator_slope, norm),
        unit_range=options.unit_range,
    )
    _initialise(discriminator, options, options.discriminator_slope, norm)
    return discriminator


def _style(options: ContextOptions, negative_slope: float, norm: Norm) -> BlockStyle:
    return BlockStyle(leaky(negative_slope), norm.layer if options.batch_norm else None)


def _initialise(
    network: nn.Module, options: ContextOptions, negative_slope: float, norm: Norm
) -> None:
    if options.batch_norm:
        norm.initialise(network)
    else:
        he_normal(network, negative_slope)


@dataclass(frozen=True)
class ContextGame(ABC):
    """The terms of the updates in the phases I (generator), II (discriminator) and III (both)."""

    generator: LayeredGenerator
    discriminator: ContextDiscriminator
    completed: bool  # whether the discriminator sees completed images, or the raw output

    @abstractmethod
    def squared_error(self, output: Tensor, batch: Batch) -> Tensor:
        """Of the output, in the published range and domain."""

    def real_box(self, batch: Batch) -> Tensor:
        """What the local discriminator sees of real photos, (N, 4): what it sees of fakes."""
        return batch.box

    def fake(self, output: Tensor, batch: Batch) -> Tensor:
        """What the discriminator judges, (N, 3, S, S)."""
        return composite(output, batch.image, batch.mask) if self.completed else output

    def mse_terms(self, batch: Batch) -> Terms:
        """Phase I: squared error of the generator."""
        return {"mse": self.squared_error(self.generator(batch.image, batch.mask), batch)}

    def discriminator_terms(self, batch: Batch) -> Terms:
        """Phases II and III: tell real from fake."""
        fake = self.fake(self.generator(batch.image, batch.mask), batch)
        real_logits = self.discriminator(batch.image, self.real_box(batch))
        return losses.judgement(real_logits, self.discriminator(fake, batch.box))

    def joint_terms(self, batch: Batch) -> Terms:
        """Phase III: squared error, and logits of the fakes towards real."""
        output = self.generator(batch.image, batch.mask)
        logits = self.discriminator(self.fake(output, batch), batch.box)
        return {
            "mse": self.squared_error(output, batch),
            "adversarial": losses.real_loss(logits),
        }
