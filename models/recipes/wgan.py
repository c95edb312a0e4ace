"""WGAN completion, then enhancement: a coarse completion is corrected by a residual network.

Phases once a run: the coarse network on absolute error alone; against a critic, several steps of
which come before each of its own; then the enhancement, while the coarse network stands still.

Proposed: arXiv 1911.02222 and, by the same group, 2307.14748. Neither's layers, rates or weights
could be had, so they are chosen. `faithful`: the critic's weights are clipped, with RMSprop 5e-5,
0.01 and five critic steps (WGAN, Arjovsky et al. 2017); the coarse network is a context encoder of
5x5 convolutions of stride 2 with batch norm before LeakyReLU, fed the photo with a black hole, as
in github.com/greenchris10/DATA-6710-Final-Project, which started from TensorFlow's DCGAN; error to
adversarial term 0.999 to 0.001 (context encoders, Pathak et al. 2016). That a clipped critic hardly
counts beside the error is its defect. `default`: gradient penalty (Gulrajani et al. 2017) on the
hole alone, GLCIC's completion network, and noise that the completion cannot leave out (Mao et al.
2019). No critic has batch norm, with which one photo's gradient would depend on the others.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, NonNegativeInt, model_validator
from torch import Tensor, nn

from models.components.compose import composite, grown
from models.components.initialise import he_normal, normal
from models.components.losses import absolute_error_hole, gradient_penalty, mode_seeking
from models.components.masked_input import Fill, MaskedInput
from models.components.optimizers import OptimizerOptions
from models.components.options import Options as Section
from models.components.options import RecipeOptions
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
from models.networks.enhanced_completer import EnhancedCompleter, ResidualEnhancer
from models.networks.layered_generator import LayeredGenerator
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

RMSPROP = {"name": "RMSprop", "lr": 5e-5}
ADAM = {"name": "Adam", "betas": [0.5, 0.999]}
CRITIC_ADAM = {"name": "Adam", "betas": [0.5, 0.9]}

FAITHFUL: dict[str, Any] = {
    "width": 64,
    "layers": [
        *({"channels": channels, "kernel": 5, "stride": 2} for channels in (1, 1, 2, 4, 8)),
        {"channels": 8, "kernel": 1},
        *({"channels": channels, "up": True} for channels in (4, 2, 1, 1, 1)),
    ],
    "batch_norm": True,
    "slope": 0.2,
    "fill": "black",
    "mask_channel": False,
    "transposed": True,
    "noise_channels": 0,
    "enhancement_layers": 7,
    "border": 3,
    "smallest_map": 5,
    # Clip, number of critic steps: WGAN's. Penalty: WGAN-GP's lambda. Weights: context encoders'.
    "lipschitz": "clip",
    "clip": 0.01,
    "penalty_weight": 10.0,
    "n_critic": 5,
    "l1_weight": 0.999,
    "adversarial_weight": 0.001,
    "diversity_weight": 0.0,
    "phases": [0, 100_000],
    "joint": False,
    "optimizers": {
        "reconstruction": RMSPROP,
        "completion": RMSPROP,
        "critic": RMSPROP,
        "enhancement": {"name": "Adam", "lr": 1e-3},
    },
}

DEFAULT: dict[str, Any] = {
    **FAITHFUL,
    "layers": completion_layers.LAYERS,
    "batch_norm": False,
    "slope": 0.1,
    "fill": "context_mean",
    "mask_channel": True,
    "transposed": False,
    "noise_channels": 4,
    "enhancement_layers": 6,
    "lipschitz": "penalty",
    "l1_weight": 1.0,
    "diversity_weight": 0.0003,
    "phases": [1500, 1000],
    "optimizers": {
        "reconstruction": {**ADAM, "lr": 5e-4},
        "completion": {**CRITIC_ADAM, "lr": 2e-4},
        "critic": {**CRITIC_ADAM, "lr": 2e-4},
        "enhancement": {**ADAM, "lr": 5e-4},
    },
}


class Optimizers(Section):
    """The coarse network has two."""

    reconstruction: OptimizerOptions = Field(description="coarse network on the error alone")
    completion: OptimizerOptions = Field(description="coarse network against the critic")
    critic: OptimizerOptions = Field(description="critic")
    enhancement: OptimizerOptions = Field(description="enhancement network")


class Options(RecipeOptions):
    """`recipes.wgan` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    width: int = Field(ge=2, le=256, description="channels of the first layer")
    layers: list[Layer] = Field(
        min_length=1,
        description="coarse network: all but the last, which gives the colours; those whose "
        "dilation is as large as the map they work on are left out",
    )
    batch_norm: bool = Field(description="in the coarse network, before the activations")
    slope: float = Field(ge=0, lt=1, description="of the generator's LeakyReLUs; 0: ReLU")
    fill: Fill = Field(description="what the coarse network sees in the hole")
    mask_channel: bool = Field(description="whether the coarse network sees the mask")
    transposed: bool = Field(description="upsampling by transposed convolutions")
    noise_channels: int = Field(
        ge=0, le=64, description="of noise that the coarse network sees in the hole; 0: none"
    )
    enhancement_layers: int = Field(
        ge=1, le=30, description="enhancement network: 3x3 convolutions before the last"
    )
    border: int = Field(
        ge=0, le=32, description="px around the hole in which the enhancement must change nothing"
    )
    smallest_map: int = Field(
        ge=1, le=64, description="px to which the critic's layers shrink image and box"
    )
    lipschitz: Literal["clip", "penalty"] = Field(
        description="what bounds the critic: clipped weights (WGAN) or a gradient penalty (WGAN-GP)"
    )
    clip: float = Field(gt=0, le=1, description="largest size of a weight, with `clip`")
    penalty_weight: float = Field(gt=0, description="lambda, with `penalty`")
    n_critic: int = Field(ge=1, le=20, description="critic's steps for each of the generator")
    l1_weight: float = Field(ge=0, description="of the hole's absolute error in [-1, 1]")
    adversarial_weight: float = Field(ge=0, description="of the adversarial term")
    diversity_weight: float = Field(
        ge=0, description="of noise distance / output distance; 0: the noise may be left out"
    )
    phases: list[NonNegativeInt] = Field(
        min_length=2,
        max_length=2,
        description="steps: coarse network on the error alone, against the critic; then the rest",
    )
    joint: bool = Field(
        description="from the second phase on train all networks together; no third phase"
    )
    optimizers: Optimizers = Field(description="the updates' own")

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        check_come_back(self.layers)
        if self.diversity_weight and not self.noise_channels:
            raise ValueError(
                f"diversity_weight is {self.diversity_weight}, but must be 0 without noise "
                "(noise_channels: 0)"
            )
        return self


def build_generator(options: Options, image_size: int) -> EnhancedCompleter:
    """Untrained."""
    check_image_size("wgan", options.layers, image_size)
    norm = nn.BatchNorm2d if options.batch_norm else None
    coarse = LayeredGenerator(
        that_fit(options.layers, image_size),
        width=options.width,
        style=BlockStyle(leaky(options.slope), norm, norm_first=True),
        masked_input=MaskedInput(
            fill=options.fill,
            mask_channel=options.mask_channel,
            noise_channels=options.noise_channels,
        ),
        transposed=options.transposed,
    )
    enhancement = ResidualEnhancer(
        [Layer(channels=1)] * options.enhancement_layers,
        width=options.width,
        style=BlockStyle(leaky(options.slope)),
    )
    if options.batch_norm:
        normal(coarse)
    else:
        he_normal(coarse, options.slope)
    he_normal(enhancement, options.slope)
    enhancement.begin_at_nothing()
    return EnhancedCompleter(coarse, enhancement)


def build_critic(options: Options, data_spec: DataSpec) -> ContextDiscriminator:
    """Sized to the image and box of `data_spec`, without norm."""
    critic = ContextDiscriminator(
        global_layers=halving_layers(data_spec.image_size, options.smallest_map),
        local_layers=halving_layers(data_spec.box_size, options.smallest_map),
        dense=(8,),
        dense_activation=True,
        width=options.width,
        image_size=data_spec.image_size,
        box_size=data_spec.box_size,
        style=BlockStyle(leaky(0.2)),
        unit_range=False,
    )
    he_normal(critic, 0.2)
    return critic


@dataclass(frozen=True)
class Losses:
    """y is the photo, M its mask, z noise, G the coarse network (with E where trained jointly).

    fake = M * G(y, M, z) + (1 - M) * y, the completed image, on the same box as y.

    Critic          L_C = E[C(fake)] - E[C(y)] (Arjovsky et al. 2017), weights clipped; or
                    + lambda * E[(|grad C(between)| - 1)^2] (Gulrajani et al. 2017, eq. 3)
    Coarse network  L_G = w_l1 * L1 + w_adv * (E[C(y)] - E[C(fake)]) + w_div * diversity
    Enhancement     L_E = L1 of fake + E(fake, M), in the hole and on its border
    """

    generator: EnhancedCompleter
    critic: ContextDiscriminator  # scores without bounds, not probabilities
    options: Options

    def reconstruction_loss(self, batch: Batch) -> Terms:
        """Absolute error of the coarse network."""
        noise = self.noise(batch)
        output = self.generator.coarse(batch.image, batch.mask, noise)  # (N, 3, S, S)
        l1 = absolute_error_hole(output, batch.image, batch.mask)
        return {"l1": l1, **self.diversity(output, noise, batch)}

    def critic_loss(self, batch: Batch) -> Terms:
        """Mean scores of either side, and the penalty."""
        fake = composite(self.output(batch, self.noise(batch)), batch.image, batch.mask)
        terms = {
            "real": self.critic(batch.image, batch.box).float().mean(),  # E[C(y)]
            "fake": self.critic(fake, batch.box).float().mean(),  # E[C(fake)]
        }
        if self.options.lipschitz == "penalty":
            terms["penalty"] = gradient_penalty(
                lambda images: self.critic(images, batch.box), batch.image, fake, batch.mask
            )
        return terms

    def completion_loss(self, batch: Batch) -> Terms:
        """Absolute error, and how far the critic finds the completions from the photos."""
        noise = self.noise(batch)
        output = self.output(batch, noise)
        # E[C(y)] has no gradient here. Without it the term would lie around the critic's own zero,
        # which is anywhere, and would be no size to hold against the error's.
        with torch.no_grad():
            real = self.critic(batch.image, batch.box).float().mean()
        completed = composite(output, batch.image, batch.mask)
        fake = self.critic(completed, batch.box).float().mean()
        return {
            "l1": absolute_error_hole(output, batch.image, batch.mask),
            "adversarial": real - fake,
            **self.diversity(output, noise, batch),
        }

    def enhancement_loss(self, batch: Batch) -> Terms:
        """Absolute error of the corrected image, in the hole and on its border."""
        output = self.generator(batch.image, batch.mask)
        around = grown(batch.mask, self.options.border)
        return {"l1": absolute_error_hole(output, batch.image, around)}

    def noise(self, batch: Batch) -> Tensor:
        """z, (N, noise_channels, 1, 1)."""
        return self.generator.coarse.masked_input.draw_noise(batch.mask)

    def output(self, batch: Batch, noise: Tensor) -> Tensor:
        """Of what is trained against the critic."""
        trained = self.generator if self.options.joint else self.generator.coarse
        output: Tensor = trained(batch.image, batch.mask, noise)
        return output

    def diversity(self, output: Tensor, noise: Tensor, batch: Batch) -> Terms:
        """|z - z'| / |G(z) - G(z')| with a second noise z'; nothing where it does not count."""
        if not self.options.diversity_weight:
            return {}
        other_noise = self.noise(batch)
        other = self.generator.coarse(batch.image, batch.mask, other_noise)
        term = mode_seeking((output, other), (noise, other_noise), batch.mask)
        return {"diversity": term}


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    with seeded(data_spec.seed, "critic"):
        critic = build_critic(options, data_spec)
    coarse, enhancement = generator.coarse, generator.enhancement
    coarse.masked_input.set_mean_color(data_spec.mean_color)
    networks = to_device({"coarse": coarse, "enhancement": enhancement, "critic": critic}, device)
    losses = Losses(generator, critic, options)

    error_weights = {"l1": options.l1_weight}
    if options.diversity_weight:
        error_weights["diversity"] = options.diversity_weight
    # The critic maximises E[C(y)] - E[C(fake)], an estimate of the Wasserstein distance.
    critic_weights = {"real": -1.0, "fake": 1.0}
    has_penalty = options.lipschitz == "penalty"
    if has_penalty:
        critic_weights["penalty"] = options.penalty_weight

    @torch.no_grad()
    def clip_critic() -> None:
        for weight in critic.parameters():
            weight.clamp_(-options.clip, options.clip)

    optimizers = options.optimizers
    return Recipe(
        generator=generator,
        networks=networks,
        optimizers={
            "reconstruction": optimizers.reconstruction.build(coarse.parameters()),
            "completion": optimizers.completion.build(coarse.parameters()),
            "critic": optimizers.critic.build(critic.parameters()),
            "enhancement": optimizers.enhancement.build(enhancement.parameters()),
        },
        updates={
            "reconstruction": Update(
                network="coarse",
                optimizer="reconstruction",
                terms=losses.reconstruction_loss,
                weights=error_weights,
            ),
            "critic": Update(
                network="critic",
                optimizer="critic",
                terms=losses.critic_loss,
                weights=critic_weights,
                after_step=(lambda: None) if has_penalty else clip_critic,
                compiles=not has_penalty,  # the penalty takes a gradient of its own
            ),
            "completion": Update(
                network="coarse",
                optimizer="completion",
                terms=losses.completion_loss,
                weights={**error_weights, "adversarial": options.adversarial_weight},
            ),
            "enhancement": Update(
                network="enhancement",
                optimizer="enhancement",
                terms=losses.enhancement_loss,
                weights={"l1": 1.0},
            ),
        },
        schedule=PhaseSchedule(_phases(options)),
    )


def _phases(options: Options) -> list[Phase]:
    """With `n_critic` steps of the critic, the last of them with one of the generator."""
    first, second = options.phases
    trained = ("completion", "enhancement") if options.joint else ("completion",)
    pattern = (*[("critic",)] * (options.n_critic - 1), ("critic", *trained))
    rest = [] if options.joint else [Phase((("enhancement",),), None)]
    return [
        Phase((("reconstruction",),), first),
        Phase(pattern, None if options.joint else second),
        *rest,
    ]
