"""GLCIC: a completion network against a global and a local discriminator.

Three phases once a run: I the completion network on squared error, II the discriminator, III both.
Published: Iizuka, Simo-Serra and Ishikawa 2017, "Globally and Locally Consistent Image Completion".

`faithful` is the implementation that is in use (github.com/otenim/GLCIC-PyTorch, and
github.com/janeelpatel/GNR652_Project after it), with its defects: batch norm behind the ReLU where
the paper has it before; a discriminator that judges the raw output, whose context drifts, against
patches from anywhere; a dilation of 16 on maps of 16 px; alpha also on the discriminator's loss.
One defect is not kept: its generator's gradients leak into the discriminator's next step. Its
patches are one a batch, here one a photo. `default` mends them.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor, nn

from models.components import losses
from models.components.compose import random_boxes
from models.components.optimizers import OptimizerOptions
from models.components.options import Options as Section
from models.components.pixels import to_unit
from models.components.schedule import Phase, PhaseSchedule
from models.families.context_gan import (
    ContextGame,
    ContextOptions,
    Norm,
    context_discriminator,
    context_generator,
)
from models.networks import completion_layers
from models.networks.blocks import (
    Layer,
    check_come_back,
    check_image_size,
    that_fit,
)
from models.networks.context_discriminator import ContextDiscriminator, halving_layers
from models.networks.layered_generator import LayeredGenerator
from models.recipe import Batch, DataSpec, Recipe, Update, seeded, to_device

# First weights as torch has them, which is what the implementations leave it at.
NORM = Norm(nn.BatchNorm2d, lambda network: None)
ADAM = {"name": "Adam", "betas": [0.5, 0.999]}

FAITHFUL: dict[str, Any] = {
    "width": 64,
    "layers": completion_layers.LAYERS,
    "fit_dilations": False,
    "smallest_map": 5,
    "batch_norm": True,
    "generator_slope": 0.0,
    "discriminator_slope": 0.0,
    "fill": "mean_color",
    "mask_channel": True,
    "transposed": True,
    "unit_range": True,
    "completed": False,
    "random_real_box": True,
    "mse_domain": "image",
    "phases": [90_000, 10_000],
    "adversarial_weight": 4e-4,
    "scaled_discriminator": True,
    "optimizers": {
        "generator": {"name": "Adadelta", "lr": 1.0},
        "discriminator": {"name": "Adadelta", "lr": 1.0},
    },
}

DEFAULT: dict[str, Any] = {
    **FAITHFUL,
    "fit_dilations": True,
    "batch_norm": False,
    "generator_slope": 0.1,
    "discriminator_slope": 0.2,
    "transposed": False,
    "unit_range": False,
    "completed": True,
    "random_real_box": False,
    "mse_domain": "hole",
    "phases": [1500, 100],
    # Beside an error that is the hole's mean: a third of what is published for holes of an eighth
    # of the image, at which few steps drew streaks.
    "adversarial_weight": 0.001,
    "scaled_discriminator": False,
    # AdaDelta needs some ten times the steps, of which the published training has enough.
    "optimizers": {
        "generator": {**ADAM, "lr": 5e-4},
        "discriminator": {**ADAM, "lr": 1e-4},
    },
}


class Optimizers(Section):
    """One a network, kept from phase to phase."""

    generator: OptimizerOptions = Field(description="phases I and III")
    discriminator: OptimizerOptions = Field(description="phases II and III")


class Options(ContextOptions):
    """`recipes.glcic` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    layers: list[Layer] = Field(
        min_length=1, description="completion network: all but the last, which gives the colours"
    )
    fit_dilations: bool = Field(
        description="leave out layers whose dilation is as large as the map they work on"
    )
    smallest_map: int = Field(
        ge=1, le=64, description="px to which the discriminator's layers shrink image and box"
    )
    random_real_box: bool = Field(
        description="of real photos the local discriminator sees a patch from anywhere, and not "
        "the box of the hole"
    )
    mse_domain: Literal["hole", "image"] = Field(
        description="pixels over which the hole's squared error is averaged"
    )
    phases: list[NonNegativeInt] = Field(
        min_length=2, max_length=2, description="steps: I completion, II discriminator; III: rest"
    )
    adversarial_weight: float = Field(
        ge=0, description="alpha, beside the squared error in [0, 1], phase III"
    )
    scaled_discriminator: bool = Field(
        description="alpha also scales the discriminator's loss in phase III"
    )
    optimizers: Optimizers = Field(description="the networks' own")

    @model_validator(mode="after")
    def _comes_back_to_size(self) -> Self:
        check_come_back(self.layers)
        return self


def build_generator(options: Options, image_size: int) -> LayeredGenerator:
    """Untrained."""
    check_image_size("glcic", options.layers, image_size)
    layers = that_fit(options.layers, image_size) if options.fit_dilations else options.layers
    return context_generator(options, layers, NORM)


def build_discriminator(options: Options, data_spec: DataSpec) -> ContextDiscriminator:
    """Sized to the data_spec's image and box; at 256 and 128 px six and five convolutions."""
    return context_discriminator(
        options,
        data_spec,
        NORM,
        global_layers=halving_layers(data_spec.image_size, options.smallest_map),
        local_layers=halving_layers(data_spec.box_size, options.smallest_map),
        dense=(16,),
        dense_activation=True,
    )


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    with seeded(data_spec.seed, "discriminator"):
        discriminator = build_discriminator(options, data_spec)
    generator.masked_input.set_mean_color(data_spec.mean_color)
    networks = to_device({"generator": generator, "discriminator": discriminator}, device)
    game = Game(
        generator,
        discriminator,
        options.completed,
        options.random_real_box,
        options.mse_domain,
    )
    return Recipe(
        generator=generator,
        networks=networks,
        optimizers={
            "generator": options.optimizers.generator.build(generator.parameters()),
            "discriminator": options.optimizers.discriminator.build(discriminator.parameters()),
        },
        updates=_updates(game, options),
        schedule=PhaseSchedule(_phases(options)),
    )


@dataclass(frozen=True)
class Game(ContextGame):
    """With GLCIC's error and real patches."""

    random_real_box: bool
    mse_domain: Literal["hole", "image"]

    def real_box(self, batch: Batch) -> Tensor:
        """(N, 4)."""
        if not self.random_real_box:
            return batch.box
        num, _, image_size, _ = batch.image.shape
        return random_boxes(num, image_size, self.discriminator.box_size, batch.image.device)

    def squared_error(self, output: Tensor, batch: Batch) -> Tensor:
        """In the published range [0, 1]."""
        output, image = to_unit(output), to_unit(batch.image)
        if self.mse_domain == "hole":
            return losses.squared_error_hole(output, image, batch.mask)
        return losses.squared_error_masked(output, image, batch.mask)


def _updates(game: Game, options: Options) -> dict[str, Update]:
    """Losses of two terms are halved, as in the implementations.

    Batch norms of both networks see the batch there; GANscape's are Keras's, which freeze whole.
    """
    alpha = options.adversarial_weight
    share = alpha / 2 if options.scaled_discriminator else 0.5

    def judge(weight: float) -> Update:
        weights = {"real": weight, "fake": weight}
        return Update(
            "discriminator",
            "discriminator",
            game.discriminator_terms,
            weights,
            others_train=options.batch_norm,
        )

    return {
        "mse": Update("generator", "generator", game.mse_terms, {"mse": 1.0}),
        "discriminator": judge(0.5),
        "joint_discriminator": judge(share),
        "joint": Update(
            "generator",
            "generator",
            game.joint_terms,
            {"mse": 0.5, "adversarial": alpha / 2},
            others_train=options.batch_norm,
        ),
    }


def _phases(options: Options) -> list[Phase]:
    first, second = options.phases
    return [
        Phase((("mse",),), first),
        Phase((("discriminator",),), second),
        Phase((("joint_discriminator", "joint"),), None),
    ]
