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

from models.components.compose import composite, random_boxes
from models.components.initialise import he_normal
from models.components.losses import (
    accuracy,
    fake_loss,
    real_loss,
    squared_error_hole,
    squared_error_masked,
)
from models.components.masked_input import Fill, MaskedInput
from models.components.optimizers import OptimizerOptions
from models.components.options import Options as Section
from models.components.options import RecipeOptions
from models.components.pixels import to_unit
from models.components.schedule import Phase, PhaseSchedule
from models.networks import completion_layers
from models.networks.blocks import (
    BlockStyle,
    Layer,
    check_come_back,
    check_image_size,
    leaky,
    that_fit,
)
from models.networks.context_discriminator import ContextDiscriminator, halving_layers
from models.networks.layered_generator import LayeredGenerator
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

ADAM = {"name": "Adam", "betas": [0.5, 0.999]}

FAITHFUL: dict[str, Any] = {
    "width": 64,
    "layers": completion_layers.LAYERS,
    "fit_dilations": False,
    "smallest_map": 5,  # px; makes the published discriminators at the published sizes
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
    "adversarial_weight": 4e-4,  # the paper's alpha
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


class Options(RecipeOptions):
    """`recipes.glcic` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    width: int = Field(ge=2, le=256, description="channels of the first layer; published: 64")
    batch_norm: bool = Field(description="behind the activations")
    generator_slope: float = Field(ge=0, lt=1, description="of its LeakyReLU; 0: ReLU")
    discriminator_slope: float = Field(ge=0, lt=1, description="of its LeakyReLU; 0: ReLU")
    fill: Fill = Field(description="what the generator sees in the hole")
    mask_channel: bool = Field(description="whether the generator sees the mask")
    transposed: bool = Field(description="upsampling by transposed convolutions")
    unit_range: bool = Field(description="layers see [0, 1] instead of [-1, 1]")
    completed: bool = Field(description="discriminator sees completed images, not raw output")
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
    generator = LayeredGenerator(
        layers,
        width=options.width,
        style=_style(options, options.generator_slope),
        masked_input=MaskedInput(
            fill=options.fill, mask_channel=options.mask_channel, unit_range=options.unit_range
        ),
        transposed=options.transposed,
    )
    if not options.batch_norm:  # with it, first weights as torch has them, as the implementations
        he_normal(generator, options.generator_slope)
    return generator


def build_discriminator(options: Options, data_spec: DataSpec) -> ContextDiscriminator:
    """Sized to the image and box of `data_spec`; at 256 and 128 px six and five convolutions."""
    discriminator = ContextDiscriminator(
        global_layers=halving_layers(data_spec.image_size, options.smallest_map),
        local_layers=halving_layers(data_spec.box_size, options.smallest_map),
        dense=(16,),
        dense_activation=True,
        width=options.width,
        image_size=data_spec.image_size,
        box_size=data_spec.box_size,
        style=_style(options, options.discriminator_slope),
        unit_range=options.unit_range,
    )
    if not options.batch_norm:
        he_normal(discriminator, options.discriminator_slope)
    return discriminator


def _style(options: Options, negative_slope: float) -> BlockStyle:
    return BlockStyle(leaky(negative_slope), nn.BatchNorm2d if options.batch_norm else None)


@dataclass(frozen=True)
class Losses:
    """y is the photo, M its mask, C(y, M) the output, D(image, box) a logit.

    Phase I    L_C = |M * (C(y, M) - y)|^2, pixels in [0, 1]
    Phase II   L_D = -log D(y) - log(1 - D(fake))
    Phase III  L_D and L_C = |M * (C(y, M) - y)|^2 - alpha * log D(fake)

    The paper's min-max of Iizuka et al. 2017 with -log D in place of log(1 - D) for C, as in the
    implementations, which also halve every loss of two terms: see `build`.
    """

    generator: LayeredGenerator
    discriminator: ContextDiscriminator
    completed: bool  # fakes keep the photo's known pixels, as in the paper
    random_real_box: bool
    mse_domain: Literal["hole", "image"]

    def mse_loss(self, batch: Batch) -> Terms:
        """Phase I: squared error of the completion network."""
        output = self.generator(batch.image, batch.mask)  # (N, 3, S, S) in [-1, 1]
        return {"mse": self.squared_error(output, batch)}

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Phases II and III: tell real from fake."""
        fake = self.fake(self.generator(batch.image, batch.mask), batch)
        real_box = batch.box  # (N, 4); the fakes' own is centred on the hole
        if self.random_real_box:
            num, _, image_size, _ = batch.image.shape
            box_size = self.discriminator.box_size
            real_box = random_boxes(num, image_size, box_size, batch.image.device)
        real_logits = self.discriminator(batch.image, real_box)  # (N,)
        fake_logits = self.discriminator(fake, batch.box)
        return {
            "real": real_loss(real_logits),  # -log D(y)
            "fake": fake_loss(fake_logits),  # -log(1 - D(fake))
            "accuracy": accuracy(real_logits, fake_logits),  # reported only
        }

    def joint_loss(self, batch: Batch) -> Terms:
        """Phase III: squared error, and logits of the fakes towards real."""
        output = self.generator(batch.image, batch.mask)
        fake_logits = self.discriminator(self.fake(output, batch), batch.box)
        return {
            "mse": self.squared_error(output, batch),
            "adversarial": real_loss(fake_logits),  # -log D(fake)
        }

    def fake(self, output: Tensor, batch: Batch) -> Tensor:
        """What the discriminator judges, (N, 3, S, S)."""
        return composite(output, batch.image, batch.mask) if self.completed else output

    def squared_error(self, output: Tensor, batch: Batch) -> Tensor:
        """The hole's, in the published range [0, 1]: a quarter of that in [-1, 1]."""
        output, image = to_unit(output), to_unit(batch.image)
        if self.mse_domain == "hole":
            return squared_error_hole(output, image, batch.mask)
        return squared_error_masked(output, image, batch.mask)


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    with seeded(data_spec.seed, "discriminator"):
        discriminator = build_discriminator(options, data_spec)
    generator.masked_input.set_mean_color(data_spec.mean_color)
    losses = Losses(
        generator,
        discriminator,
        completed=options.completed,
        random_real_box=options.random_real_box,
        mse_domain=options.mse_domain,
    )
    alpha = options.adversarial_weight
    share = alpha / 2 if options.scaled_discriminator else 0.5
    # Frozen batch norms see the batch too; GANscape's are Keras's, which freeze whole.
    batch_norm = options.batch_norm
    return Recipe(
        generator=generator,
        networks=to_device({"generator": generator, "discriminator": discriminator}, device),
        optimizers={
            "generator": options.optimizers.generator.build(generator.parameters()),
            "discriminator": options.optimizers.discriminator.build(discriminator.parameters()),
        },
        updates={
            "mse": Update(
                network="generator",
                optimizer="generator",
                terms=losses.mse_loss,
                weights={"mse": 1.0},
            ),
            "discriminator": Update(
                network="discriminator",
                optimizer="discriminator",
                terms=losses.discriminator_loss,
                weights={"real": 0.5, "fake": 0.5},
                others_train=batch_norm,
            ),
            "joint_discriminator": Update(
                network="discriminator",
                optimizer="discriminator",
                terms=losses.discriminator_loss,
                weights={"real": share, "fake": share},
                others_train=batch_norm,
            ),
            "joint": Update(
                network="generator",
                optimizer="generator",
                terms=losses.joint_loss,
                weights={"mse": 0.5, "adversarial": alpha / 2},
                others_train=batch_norm,
            ),
        },
        schedule=PhaseSchedule(
            [
                Phase((("mse",),), options.phases[0]),
                Phase((("discriminator",),), options.phases[1]),
                Phase((("joint_discriminator", "joint"),), num_steps=None),
            ]
        ),
    )
