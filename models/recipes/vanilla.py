"""The fully connected GAN (Goodfellow et al. 2014), as it is taught on MNIST's digits.

`faithful` is a published form with its defect, real photos in [0, 1] against samples in [-1, 1];
`default` mends it. Published: github.com/janeelpatel/GNR652_Project.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from models.components.generators import Sampler
from models.components.losses import accuracy, fake_loss, real_loss
from models.components.optimizers import GanOptimizers
from models.components.options import RecipeOptions
from models.components.pixels import to_unit
from models.components.schedule import Phase, PhaseSchedule
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

SLOPE = 0.2  # of the LeakyReLUs

FAITHFUL: dict[str, Any] = {
    "width": 256,
    "channels": 1,
    "latent_size": 100,
    "dropout": 0.3,
    "unit_reals": True,
    "optimizers": {
        name: {"name": "Adam", "lr": 0.0002, "betas": [0.9, 0.999]}
        for name in ("generator", "discriminator")
    },
}

DEFAULT: dict[str, Any] = {
    **FAITHFUL,
    "unit_reals": False,
    "optimizers": {
        name: {"name": "Adam", "lr": 0.0002, "betas": [0.5, 0.999]}
        for name in ("generator", "discriminator")
    },
}


class Options(RecipeOptions):
    """`recipes.vanilla` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    width: int = Field(
        ge=1, le=4096, description="features of the narrowest layers; others have 2 and 4 times it"
    )
    channels: Literal[1, 3] = Field(description="1: grey images, 3: coloured ones")
    latent_size: int = Field(ge=1, le=4096, description="numbers that an image is made from")
    dropout: float = Field(ge=0, lt=1, description="discriminator: share of features left out")
    unit_reals: bool = Field(
        description="discriminator sees photos in [0, 1] beside samples in [-1, 1], as published"
    )
    optimizers: GanOptimizers = Field(description="the networks' own")


class DenseSampler(Sampler):
    """Noise -> image; a grey one has three equal channels."""

    def __init__(self, options: Options, image_size: int) -> None:
        super().__init__()
        self.latent_size, width = options.latent_size, options.width
        sizes = [options.latent_size, width, 2 * width, 4 * width]
        self.shape = options.channels, image_size, image_size
        layers: list[nn.Module] = []
        for num_in, num_out in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(num_in, num_out), nn.LeakyReLU(SLOPE)]
        last = nn.Linear(sizes[-1], options.channels * image_size**2)
        self.layers = nn.Sequential(*layers, last)

    def sample(self, latents: Tensor) -> Tensor:
        """See Sampler."""
        # (N, Z) -> (N, channels * S * S) -> (N, channels, S, S); grey: thrice the same channel
        values = torch.tanh(self.layers(latents).float())
        return values.view(-1, *self.shape).expand(-1, 3, -1, -1)


class DenseDiscriminator(nn.Module):
    """Image -> logit; where samples are grey, it sees the mean of the colours."""

    def __init__(self, options: Options, image_size: int) -> None:
        super().__init__()
        self.is_grey, width = options.channels == 1, options.width
        sizes = [options.channels * image_size**2, 4 * width, 2 * width, width]
        layers: list[nn.Module] = []
        for num_in, num_out in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(num_in, num_out), nn.LeakyReLU(SLOPE), nn.Dropout(options.dropout)]
        self.layers = nn.Sequential(nn.Flatten(), *layers, nn.Linear(width, 1))

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] -> (N,) logits."""
        seen = image.mean(dim=1, keepdim=True) if self.is_grey else image
        logits: Tensor = self.layers(seen)
        return logits.squeeze(1)


def build_generator(options: Options, image_size: int) -> DenseSampler:
    """Untrained, with torch's own first weights; any image size."""
    return DenseSampler(options, image_size)


@dataclass(frozen=True)
class Losses:
    """Goodfellow et al. 2014, eq. 1: min_G max_D E[log D(x)] + E[log(1 - D(G(z)))].

    As their section 3 advises, G maximises log D(G(z)) instead, whose gradient does not vanish
    while D rejects its samples with confidence. Each of the two updates draws noise of its own.
    """

    sampler: Sampler
    discriminator: nn.Module  # (N, 3, S, S) in [-1, 1] -> (N,) logits
    unit_reals: bool  # as published: real photos come in [0, 1], which no sample keeps to

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Tell real from fake, each in a batch of its own."""
        real = to_unit(batch.image) if self.unit_reals else batch.image
        real_logits = self.discriminator(real)  # (N,)
        fake_logits = self.discriminator(self.sampler.sample(self.noise(batch)))
        return {
            "real": real_loss(real_logits),  # -log D(x)
            "fake": fake_loss(fake_logits),  # -log(1 - D(G(z)))
            "accuracy": accuracy(real_logits, fake_logits),  # reported only
        }

    def generator_loss(self, batch: Batch) -> Terms:
        """Logits of the fakes towards real."""
        fake_logits = self.discriminator(self.sampler.sample(self.noise(batch)))
        return {"adversarial": real_loss(fake_logits)}  # -log D(G(z))

    def noise(self, batch: Batch) -> Tensor:
        """z, (N, latent_size) standard normal: as many as there are photos."""
        size = len(batch.image), self.sampler.latent_size
        return torch.randn(size, device=batch.image.device)


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`.

    As published, each network trains in the other's update too: the discriminator's dropout is on.
    """
    with seeded(data_spec.seed, "generator"):
        sampler = build_generator(options, data_spec.image_size)
    with seeded(data_spec.seed, "discriminator"):
        discriminator = DenseDiscriminator(options, data_spec.image_size)
    losses = Losses(sampler, discriminator, options.unit_reals)
    networks = to_device({"generator": sampler, "discriminator": discriminator}, device)
    return Recipe(
        generator=sampler,
        networks=networks,
        optimizers={
            "generator": options.optimizers.generator.build(sampler.parameters()),
            "discriminator": options.optimizers.discriminator.build(discriminator.parameters()),
        },
        updates={
            "discriminator": Update(
                network="discriminator",
                optimizer="discriminator",
                terms=losses.discriminator_loss,
                weights={"real": 1.0, "fake": 1.0},
                others_train=True,
            ),
            "generator": Update(
                network="generator",
                optimizer="generator",
                terms=losses.generator_loss,
                weights={"adversarial": 1.0},
                others_train=True,
            ),
        },
        schedule=PhaseSchedule([Phase((("discriminator", "generator"),), num_steps=None)]),
    )
