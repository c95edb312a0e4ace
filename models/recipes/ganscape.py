"""GANscape: dilated encoder-decoder against a global and a local discriminator.

Three phases inside every epoch: I the generator on squared error, II the discriminator, III both
on each batch. `faithful` is the published system with its defects, `default` mends them.
Published: github.com/pkrisz99/GANscape.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor

from models.components import losses
from models.components.initialise import glorot_uniform
from models.components.optimizers import OptimizerOptions
from models.components.options import Options as Section
from models.components.pixels import to_unit
from models.components.schedule import Means, Phase, PhaseSchedule, phase_lengths
from models.families.context_gan import (
    ContextGame,
    ContextOptions,
    Norm,
    context_discriminator,
    context_generator,
)
from models.networks.blocks import (
    KERAS_BATCH_NORM,
    Layer,
    check_come_back,
    check_image_size,
)
from models.networks.context_discriminator import ContextDiscriminator
from models.networks.layered_generator import LayeredGenerator
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

NORM = Norm(KERAS_BATCH_NORM, glorot_uniform)
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


class Options(ContextOptions):
    """`recipes.ganscape` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

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
    completed: bool = Field(
        description="discriminator sees completed images, squared error is the hole's alone"
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
    return context_generator(options, options.generator_layers, NORM)


def build_discriminator(options: Options, data_spec: DataSpec) -> ContextDiscriminator:
    """Sized to the data_spec's image and box."""
    return context_discriminator(
        options,
        data_spec,
        NORM,
        global_layers=options.global_layers,
        local_layers=options.local_layers,
        dense=(8, 4),
        pooled=options.global_average_pooling,
    )


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    with seeded(data_spec.seed, "discriminator"):
        discriminator = build_discriminator(options, data_spec)
    generator.masked_input.set_mean_color(data_spec.mean_color)
    networks = to_device({"generator": generator, "discriminator": discriminator}, device)
    game = Game(generator, discriminator, options.completed, options.real_term)
    return Recipe(
        generator=generator,
        networks=networks,
        optimizers={
            "mse": options.optimizers.mse.build(generator.parameters()),
            "joint": options.optimizers.joint.build(generator.parameters()),
            "discriminator": options.optimizers.discriminator.build(discriminator.parameters()),
        },
        updates=_updates(game, options),
        schedule=PhaseSchedule(_phases(options, data_spec.steps_per_epoch)),
    )


@dataclass(frozen=True)
class Game(ContextGame):
    """With GANscape's error, and its second adversarial term."""

    real_term: bool

    def joint_terms(self, batch: Batch) -> Terms:
        """Phase III: with `real_term` also the logits of the photos, towards fake."""
        terms = super().joint_terms(batch)
        if self.real_term:
            real_logits = self.discriminator(batch.image, batch.box)
            terms["adversarial"] = terms["adversarial"] + losses.fake_loss(real_logits)
        return terms

    def squared_error(self, output: Tensor, batch: Batch) -> Tensor:
        """In the published range [0, 1]: a quarter of that in [-1, 1]."""
        output, image = to_unit(output), to_unit(batch.image)
        if self.completed:
            return losses.squared_error_hole(output, image, batch.mask)
        return losses.squared_error_image(output, image)


def _updates(game: Game, options: Options) -> dict[str, Update]:
    joint_weights = {"mse": options.mse_weight, "adversarial": options.adversarial_weight}
    return {
        "mse": Update("generator", "mse", game.mse_terms, {"mse": 1.0}),
        "discriminator": Update(
            "discriminator", "discriminator", game.discriminator_terms, {"real": 1.0, "fake": 1.0}
        ),
        "joint": Update("generator", "joint", game.joint_terms, joint_weights),
    }


def _phases(options: Options, steps_per_epoch: int) -> list[Phase]:
    """Running means are those since the phase began in this epoch."""

    def discriminator_wins(means: Means) -> bool:
        loss = means["discriminator/real"] + means["discriminator/fake"]
        return loss < options.discriminator_floor

    def game_is_lost(means: Means) -> bool:
        return discriminator_wins(means) or means["joint/adversarial"] > options.adversarial_ceiling

    first, second, third = phase_lengths(options.phases, steps_per_epoch)
    return [
        Phase((("mse",),), first),
        Phase((("discriminator",),), second, discriminator_wins),
        Phase((("joint", "discriminator"),), third, game_is_lost),
    ]
