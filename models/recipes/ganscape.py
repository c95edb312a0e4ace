"""GANscape: dilated encoder-decoder against a global and a local discriminator.

Three phases inside every epoch: I the generator on squared error, II the discriminator, III both
on each batch. `faithful` is the published system with its defects, `default` mends them.
Published: github.com/pkrisz99/GANscape.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn

from models.components.compose import composite
from models.components.initialise import glorot_uniform, he_normal
from models.components.losses import (
    accuracy,
    fake_loss,
    real_loss,
    squared_error_hole,
    squared_error_image,
)
from models.components.masked_input import Fill, MaskedInput
from models.components.optimizers import OptimizerOptions
from models.components.options import Options as Section
from models.components.options import RecipeOptions
from models.components.pixels import to_unit
from models.components.schedule import Means, Phase, PhaseSchedule, phase_lengths
from models.networks.blocks import (
    KERAS_BATCH_NORM,
    BlockStyle,
    Layer,
    check_come_back,
    check_image_size,
    leaky,
)
from models.networks.context_discriminator import ContextDiscriminator
from models.networks.layered_generator import LayeredGenerator
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

ADAM = {"name": "Adam", "betas": [0.5, 0.999]}
KERAS_ADAM = {"name": "Adam", "betas": [0.9, 0.999], "eps": 1e-7}

FAITHFUL: dict[str, Any] = {
    "width": 64,
    "early": [
        {"channels": 1, "kernel": 5},
        {"channels": 2, "stride": 2},
        {"channels": 2},
        {"channels": 4, "stride": 2},
        {"channels": 4},
    ],
    "bottleneck": 4,
    "end": [
        {"channels": 2, "up": True},
        {"channels": 2},
        {"channels": 1, "up": True},
        {"channels": 0.5},
    ],
    # 64 px -> 32, 16, 8, 4, 2, 2 and 28 px -> 14, 7, 4, 2, 1.
    "global_layers": [
        *({"channels": channels, "kernel": 5, "stride": 2} for channels in (1, 2, 4, 8, 8)),
        {"channels": 8, "norm": False},
    ],
    "local_layers": [
        *({"channels": channels, "kernel": 5, "stride": 2} for channels in (1, 2, 4, 8)),
        {"channels": 8, "kernel": 5, "stride": 2, "norm": False},
    ],
    "global_average_pooling": False,
    "batch_norm": True,
    "generator_slope": 0.0,
    "discriminator_slope": 0.0,
    "fill": "black",
    "mask_channel": False,
    "transposed": True,
    "unit_range": True,
    "completed": False,
    "real_term": True,
    "phases": [0.33, 0.33, 0.34],
    "mse_weight": 1.0,
    "adversarial_weight": 1.0,
    "optimizers": {
        "mse": {**KERAS_ADAM, "lr": 0.01},
        "joint": {**KERAS_ADAM, "lr": 0.001},
        "discriminator": {**KERAS_ADAM, "lr": 0.001},
    },
    "discriminator_floor": 0.8,
    "adversarial_ceiling": 100.0,
}

DEFAULT: dict[str, Any] = {
    **FAITHFUL,
    "batch_norm": False,
    "generator_slope": 0.1,
    "discriminator_slope": 0.2,
    "fill": "context_mean",
    "mask_channel": True,
    "transposed": False,
    "unit_range": False,
    "completed": True,
    "real_term": False,
    "phases": [0.6, 0.2, 0.2],
    # Beside a squared error of some 0.005 an adversarial term of some 0.7 would count alone.
    "adversarial_weight": 0.003,
    "optimizers": {
        "mse": {**ADAM, "lr": 0.001},
        "joint": {**ADAM, "lr": 0.0003},
        "discriminator": {**ADAM, "lr": 0.0002},
    },
}


class Optimizers(Section):
    """One an update: the generator has two."""

    mse: OptimizerOptions = Field(description="generator in phase I")
    joint: OptimizerOptions = Field(description="generator in phase III")
    discriminator: OptimizerOptions = Field(description="phases II and III")


class Options(RecipeOptions):
    """`recipes.ganscape` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    width: int = Field(ge=2, le=256, description="channels of the first layer; published: 64")
    batch_norm: bool = Field(description="behind the activations")
    generator_slope: float = Field(ge=0, lt=1, description="of its LeakyReLU; 0: ReLU")
    discriminator_slope: float = Field(ge=0, lt=1, description="of its LeakyReLU; 0: ReLU")
    fill: Fill = Field(description="what the generator sees in the hole")
    mask_channel: bool = Field(description="whether the generator sees the mask")
    transposed: bool = Field(description="upsampling by transposed convolutions")
    unit_range: bool = Field(description="layers see [0, 1] instead of [-1, 1]")
    completed: bool = Field(
        description="discriminator sees completed images, squared error is the hole's alone"
    )
    early: list[Layer] = Field(min_length=1, description="generator: layers before the bottleneck")
    bottleneck: Literal[1, 2, 3, 4, 5] = Field(
        description="generator: dilated layers, of dilation 1, 2, 4, ...; published: 4, also 3"
    )
    end: list[Layer] = Field(min_length=1, description="generator: layers behind the bottleneck")
    global_layers: list[Layer] = Field(min_length=1, description="discriminator: over the image")
    local_layers: list[Layer] = Field(min_length=1, description="discriminator: over the box")
    global_average_pooling: bool = Field(
        description="discriminator: pooling instead of a dense layer of 8 * width"
    )
    real_term: bool = Field(
        description="add -log(1 - D(real)) to the generator's loss: raises only the printed value"
    )
    phases: list[float] = Field(
        description="fractions of an epoch's steps: I generator, II discriminator, III both"
    )
    mse_weight: float = Field(ge=0, description="of the squared error in [0, 1], phase III")
    adversarial_weight: float = Field(ge=0, description="of the adversarial term, phase III")
    optimizers: Optimizers = Field(description="the phases' own")
    discriminator_floor: float = Field(
        ge=0, description="II and III end when the mean discriminator loss is below; chance: 1.386"
    )
    adversarial_ceiling: float = Field(
        gt=0, description="III ends when the generator's mean adversarial term is above"
    )

    @field_validator("phases")
    @classmethod
    def _three_fractions(cls, phases: list[float]) -> list[float]:
        if len(phases) != 3 or min(phases) < 0 or abs(sum(phases) - 1) > 1e-6:
            raise ValueError("must be three fractions >= 0 that add up to 1")
        return phases

    @model_validator(mode="after")
    def _comes_back_to_size(self) -> Self:
        check_come_back(self.generator_layers)
        return self

    @property
    def generator_layers(self) -> list[Layer]:
        """All but the last, which gives the colours."""
        channels = self.early[-1].channels
        dilated = [Layer(channels=channels, dilation=2**i) for i in range(self.bottleneck)]
        return [*self.early, *dilated, *self.end]


def build_generator(options: Options, image_size: int) -> LayeredGenerator:
    """Untrained; the receptive field at the bottleneck's end is 143 px (4 layers) or 79 px (3)."""
    check_image_size("ganscape", options.generator_layers, image_size)
    norm = KERAS_BATCH_NORM if options.batch_norm else None
    generator = LayeredGenerator(
        options.generator_layers,
        width=options.width,
        style=BlockStyle(leaky(options.generator_slope), norm),
        masked_input=MaskedInput(
            fill=options.fill, mask_channel=options.mask_channel, unit_range=options.unit_range
        ),
        transposed=options.transposed,
    )
    _initialise(generator, options, options.generator_slope)
    return generator


def build_discriminator(options: Options, data_spec: DataSpec) -> ContextDiscriminator:
    """Sized to the image and box of `data_spec`."""
    norm = KERAS_BATCH_NORM if options.batch_norm else None
    discriminator = ContextDiscriminator(
        global_layers=options.global_layers,
        local_layers=options.local_layers,
        dense=(8, 4),
        width=options.width,
        image_size=data_spec.image_size,
        box_size=data_spec.box_size,
        style=BlockStyle(leaky(options.discriminator_slope), norm),
        pooled=options.global_average_pooling,
        unit_range=options.unit_range,
    )
    _initialise(discriminator, options, options.discriminator_slope)
    return discriminator


def _initialise(network: nn.Module, options: Options, negative_slope: float) -> None:
    """As Keras does by default; without batch norm that would let the signal fade."""
    if options.batch_norm:
        glorot_uniform(network)
    else:
        he_normal(network, negative_slope)


@dataclass(frozen=True)
class Losses:
    """y is the photo, M its mask, G(y, M) the output, D(image, box) a logit.

    Phase I    L_G = MSE(G(y, M), y), pixels in [0, 1]
    Phase II   L_D = BCE(D(y), 1) + BCE(D(fake), 0)
    Phase III  L_D and L_G = w_mse * MSE + w_adv * BCE(D(fake), 1)

    fake is the raw output as published, or the completed image. Real and fake share the box.
    """

    generator: LayeredGenerator
    discriminator: ContextDiscriminator
    completed: bool  # fakes keep the photo's known pixels; MSE is the hole's alone
    real_term: bool  # BCE(D(y), 0) in phase III's L_G, as published

    def mse_loss(self, batch: Batch) -> Terms:
        """Phase I: squared error of the generator."""
        output = self.generator(batch.image, batch.mask)  # (N, 3, S, S) in [-1, 1]
        return {"mse": self.squared_error(output, batch)}

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Phases II and III: tell real from fake; 2 ln 2 = 1.386 at chance."""
        fake = self.fake(self.generator(batch.image, batch.mask), batch)
        real_logits = self.discriminator(batch.image, batch.box)  # (N,)
        fake_logits = self.discriminator(fake, batch.box)
        return {
            "real": real_loss(real_logits),  # BCE(D(y), 1)
            "fake": fake_loss(fake_logits),  # BCE(D(fake), 0)
            "accuracy": accuracy(real_logits, fake_logits),  # reported only
        }

    def joint_loss(self, batch: Batch) -> Terms:
        """Phase III: squared error, and logits of the fakes towards real."""
        output = self.generator(batch.image, batch.mask)
        adversarial = real_loss(self.discriminator(self.fake(output, batch), batch.box))
        if self.real_term:
            # The published step trains G on D's whole loss with both labels swapped. This half of
            # it holds no output of G: it has no gradient and raises the printed value alone.
            real_logits = self.discriminator(batch.image, batch.box)
            adversarial = adversarial + fake_loss(real_logits)
        return {"mse": self.squared_error(output, batch), "adversarial": adversarial}

    def fake(self, output: Tensor, batch: Batch) -> Tensor:
        """What the discriminator judges, (N, 3, S, S)."""
        return composite(output, batch.image, batch.mask) if self.completed else output

    def squared_error(self, output: Tensor, batch: Batch) -> Tensor:
        """In the published range [0, 1]: a quarter of that in [-1, 1]."""
        output, image = to_unit(output), to_unit(batch.image)
        if self.completed:
            return squared_error_hole(output, image, batch.mask)
        return squared_error_image(output, image)


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    with seeded(data_spec.seed, "discriminator"):
        discriminator = build_discriminator(options, data_spec)
    generator.masked_input.set_mean_color(data_spec.mean_color)
    losses = Losses(generator, discriminator, options.completed, options.real_term)
    return Recipe(
        generator=generator,
        networks=to_device({"generator": generator, "discriminator": discriminator}, device),
        optimizers={
            "mse": options.optimizers.mse.build(generator.parameters()),
            "joint": options.optimizers.joint.build(generator.parameters()),
            "discriminator": options.optimizers.discriminator.build(discriminator.parameters()),
        },
        updates={
            "mse": Update(
                network="generator",
                optimizer="mse",
                terms=losses.mse_loss,
                weights={"mse": 1.0},
            ),
            "discriminator": Update(
                network="discriminator",
                optimizer="discriminator",
                terms=losses.discriminator_loss,
                weights={"real": 1.0, "fake": 1.0},
            ),
            "joint": Update(
                network="generator",
                optimizer="joint",
                terms=losses.joint_loss,
                weights={"mse": options.mse_weight, "adversarial": options.adversarial_weight},
            ),
        },
        schedule=PhaseSchedule(_phases(options, data_spec.steps_per_epoch)),
    )


def _phases(options: Options, steps_per_epoch: int) -> list[Phase]:
    """I, II and III in every epoch. The means are those since the phase began in this epoch."""

    def discriminator_wins(means: Means) -> bool:
        loss = means["discriminator/real"] + means["discriminator/fake"]
        return loss < options.discriminator_floor

    def generator_is_lost(means: Means) -> bool:
        too_high = means["joint/adversarial"] > options.adversarial_ceiling
        return discriminator_wins(means) or too_high

    first, second, third = phase_lengths(options.phases, steps_per_epoch)
    return [
        Phase((("mse",),), first),
        Phase((("discriminator",),), second, discriminator_wins),
        Phase((("joint", "discriminator"),), third, generator_is_lost),
    ]
