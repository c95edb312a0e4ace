"""GANscape: dilated encoder-decoder against a global and a local discriminator.

Three phases inside every epoch: I the generator on squared error, II the discriminator, III both
on each batch. `faithful` is the published system with its defects, `default` mends them.
Published: github.com/pkrisz99/GANscape.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from models import losses
from models.compose import composite
from models.networks.blocks import BlockStyle
from models.networks.context_discriminator import ContextDiscriminator
from models.networks.dilated_generator import DilatedGenerator
from models.pixels import to_unit
from models.recipe import Batch, Recipe, RecipeOptions, Setting, Terms, Update, seeded
from models.schedule import Means, Phase, PhaseSchedule, phase_lengths


class Options(RecipeOptions):
    """`recipes.ganscape` in params.yaml."""

    preset: Literal["default", "faithful"] = Field(
        description="faithful: as published, with its defects; default: the defects mended"
    )
    width: int = Field(
        ge=2, le=256, multiple_of=2, description="channels of the first layer; published: 64"
    )
    bottleneck: Literal[3, 4] = Field(description="dilated layers: dilation 1, 2, 4, (8)")
    global_average_pooling: bool = Field(
        description="discriminator: pooling instead of a dense layer of 8 * width"
    )
    phases: list[float] = Field(
        description="fractions of an epoch's steps: I generator, II discriminator, III both"
    )
    mse_weight: float = Field(ge=0, description="of the squared error in [0, 1], phase III")
    adversarial_weight: float = Field(ge=0, description="of the adversarial term, phase III")
    lr_mse: float = Field(gt=0, le=0.1, description="Adam, generator in phase I")
    lr_joint: float = Field(gt=0, le=0.1, description="Adam, generator in phase III")
    lr_discriminator: float = Field(gt=0, le=0.1, description="Adam, phases II and III")
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


@dataclass(frozen=True)
class Structure:
    """What a preset fixes; the other options stand in params.yaml whatever the preset."""

    generator_style: BlockStyle
    discriminator_style: BlockStyle
    fill: float | None  # of the hole in the generator's input, in [-1, 1]; None: context mean
    mask_channel: bool
    transposed: bool  # upsampling by transposed convolutions
    unit_range: bool  # layers see [0, 1], where zero padding is black, instead of [-1, 1]
    completed: bool  # discriminator sees the completed image and the MSE is over the hole
    real_term: bool  # add -log(1 - D(real)) to the generator's loss: raises only the printed value
    betas: tuple[float, float]  # of Adam
    epsilon: float  # of Adam


PRESETS = {
    "faithful": Structure(
        generator_style=BlockStyle(batch_norm=True, negative_slope=0),
        discriminator_style=BlockStyle(batch_norm=True, negative_slope=0),
        fill=-1.0,
        mask_channel=False,
        transposed=True,
        unit_range=True,
        completed=False,
        real_term=True,
        betas=(0.9, 0.999),
        epsilon=1e-7,
    ),
    "default": Structure(
        generator_style=BlockStyle(batch_norm=False, negative_slope=0.1),
        discriminator_style=BlockStyle(batch_norm=False, negative_slope=0.2),
        fill=None,
        mask_channel=True,
        transposed=False,
        unit_range=False,
        completed=True,
        real_term=False,
        betas=(0.5, 0.999),
        epsilon=1e-8,
    ),
}


def build_generator(options: Options) -> DilatedGenerator:
    """Any image size that is a multiple of 4."""
    structure = PRESETS[options.preset]
    generator = DilatedGenerator(
        width=options.width,
        bottleneck=options.bottleneck,
        style=structure.generator_style,
        fill=structure.fill,
        mask_channel=structure.mask_channel,
        transposed=structure.transposed,
        unit_range=structure.unit_range,
    )
    _initialise(generator, structure.generator_style)
    return generator


def build_discriminator(options: Options, setting: Setting) -> ContextDiscriminator:
    """Sized to the setting's image and box."""
    structure = PRESETS[options.preset]
    discriminator = ContextDiscriminator(
        width=options.width,
        image_size=setting.image_size,
        box_size=setting.box_size,
        style=structure.discriminator_style,
        global_average_pooling=options.global_average_pooling,
        unit_range=structure.unit_range,
    )
    _initialise(discriminator, structure.discriminator_style)
    return discriminator


def build(options: Options, setting: Setting, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    if setting.image_size % 4:
        raise ValueError(
            f"ganscape needs an image size that is a multiple of 4, not {setting.image_size}"
        )
    with seeded(setting.seed, "generator"):
        generator = build_generator(options)
    with seeded(setting.seed, "discriminator"):
        discriminator = build_discriminator(options, setting)
    networks: dict[str, nn.Module] = {"generator": generator, "discriminator": discriminator}
    for network in networks.values():
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    game = Game(generator, discriminator, PRESETS[options.preset])
    return Recipe(
        networks=networks,
        optimizers=_optimizers(generator, discriminator, options),
        updates=_updates(game, options),
        schedule=PhaseSchedule(_phases(options, setting.steps_per_epoch)),
    )


@dataclass(frozen=True)
class Game:
    """The terms of the three updates."""

    generator: DilatedGenerator
    discriminator: ContextDiscriminator
    structure: Structure

    def mse_terms(self, batch: Batch) -> Terms:
        """Phase I: squared error of the generator."""
        return {"mse": self._squared_error(self._output(batch), batch)}

    def discriminator_terms(self, batch: Batch) -> Terms:
        """Phases II and III: tell real from fake on the same box."""
        real_logits = self.discriminator(batch.image, batch.box)
        fake_logits = self.discriminator(self._fake(self._output(batch), batch), batch.box)
        return {
            "real": losses.real_loss(real_logits),
            "fake": losses.fake_loss(fake_logits),
            "accuracy": losses.accuracy(real_logits, fake_logits),
        }

    def joint_terms(self, batch: Batch) -> Terms:
        """Phase III: squared error, and logits of the fakes towards real."""
        output = self._output(batch)
        adversarial = losses.real_loss(self.discriminator(self._fake(output, batch), batch.box))
        if self.structure.real_term:
            real_logits = self.discriminator(batch.image, batch.box)
            adversarial = adversarial + losses.fake_loss(real_logits)
        return {"mse": self._squared_error(output, batch), "adversarial": adversarial}

    def _output(self, batch: Batch) -> Tensor:
        output: Tensor = self.generator(batch.image, batch.mask)
        return output

    def _fake(self, output: Tensor, batch: Batch) -> Tensor:
        """What the discriminator judges, (N, 3, S, S)."""
        if self.structure.completed:
            return composite(output, batch.image, batch.mask)
        return output

    def _squared_error(self, output: Tensor, batch: Batch) -> Tensor:
        """In the published range [0, 1]: a quarter of that in [-1, 1]."""
        output, image = to_unit(output), to_unit(batch.image)
        if self.structure.completed:
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


def _optimizers(
    generator: nn.Module, discriminator: nn.Module, options: Options
) -> dict[str, torch.optim.Optimizer]:
    """Three Adams: the generator has one a phase."""
    structure = PRESETS[options.preset]
    # Fused: one pass over the weights, and it can leave a step out on the device.
    shared: dict[str, Any] = {"betas": structure.betas, "eps": structure.epsilon, "fused": True}
    return {
        "mse": torch.optim.Adam(generator.parameters(), lr=options.lr_mse, **shared),
        "joint": torch.optim.Adam(generator.parameters(), lr=options.lr_joint, **shared),
        "discriminator": torch.optim.Adam(
            discriminator.parameters(), lr=options.lr_discriminator, **shared
        ),
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
        Phase(("mse",), first, lambda means: False),
        Phase(("discriminator",), second, discriminator_wins),
        Phase(("joint", "discriminator"), third, game_is_lost),
    ]


def _initialise(network: nn.Module, style: BlockStyle) -> None:
    """Biases 0; weights Glorot uniform (the Keras default) with batch norm, else He normal."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if style.batch_norm:
                nn.init.xavier_uniform_(layer.weight)
            else:
                nn.init.kaiming_normal_(layer.weight, a=style.negative_slope)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
