"""DCGAN (Radford et al. 2016, arXiv 1511.06434), which also completes holes by latent search.

`faithful` is the form that most people train, at half the paper's width, and searches as long as
published; `default` searches less long.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from models.components.generators import Completer, Sampler
from models.components.initialise import normal
from models.components.latent_search import LatentSearch
from models.components.losses import accuracy, fake_loss, real_loss
from models.components.optimizers import GanOptimizers
from models.components.options import RecipeOptions
from models.components.schedule import Phase, PhaseSchedule
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

FIRST_SIZE = 4  # px, of the map that the latents are projected to
MAX_MULTIPLE = 8  # of the width: channels of the smallest maps
SLOPE = 0.2  # of the discriminator's LeakyReLUs

ADAM = {"name": "Adam", "lr": 0.0002, "betas": [0.5, 0.999]}

FAITHFUL: dict[str, Any] = {
    "width": 64,
    "latent_size": 100,
    "optimizers": {"generator": ADAM, "discriminator": ADAM},
    "search_steps": 1500,
    "search_lr": 0.01,
    "prior_weight": 0.003,
}

DEFAULT: dict[str, Any] = {**FAITHFUL, "search_steps": 300, "search_lr": 0.05}


class Options(RecipeOptions):
    """`recipes.dcgan` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    width: int = Field(ge=1, le=256, description="channels at half the image size; published: 64")
    latent_size: int = Field(ge=1, le=4096, description="numbers that an image is made from")
    optimizers: GanOptimizers = Field(description="the networks' own")
    search_steps: int = Field(
        ge=1, le=100_000, description="completion: steps of the search for latents"
    )
    search_lr: float = Field(gt=0, le=1, description="completion: learning rate of the search")
    prior_weight: float = Field(
        ge=0, description="completion: of the discriminator's word beside the context's errors"
    )


class DcganSampler(Sampler):
    """Noise -> image, by transposed convolutions."""

    def __init__(self, options: Options, image_size: int) -> None:
        super().__init__()
        self.latent_size = options.latent_size
        # (N, Z) -> (N, Z, 1, 1) -> (N, 8w, 4, 4) -> (N, 4w, 8, 8) -> ... -> (N, 3, S, S)
        channels = channels_of(options.width, image_size)[::-1]
        first = nn.ConvTranspose2d(options.latent_size, channels[0], FIRST_SIZE, bias=False)
        layers = [first, nn.BatchNorm2d(channels[0]), nn.ReLU()]
        for num_in, num_out in zip(channels, channels[1:], strict=False):
            layers += [_twice(num_in, num_out), nn.BatchNorm2d(num_out), nn.ReLU()]
        self.layers = nn.Sequential(*layers, _twice(channels[-1], 3))

    def sample(self, latents: Tensor) -> Tensor:
        """See Sampler."""
        return torch.tanh(self.layers(latents[:, :, None, None]).float())


class DcganDiscriminator(nn.Module):
    """Image -> logit."""

    def __init__(self, options: Options, image_size: int) -> None:
        super().__init__()
        channels = channels_of(options.width, image_size)
        # As in the paper no batch norm on the first layer, nor on the last.
        layers: list[nn.Module] = [_half(3, channels[0]), nn.LeakyReLU(SLOPE)]
        for num_in, num_out in zip(channels, channels[1:], strict=False):
            layers += [_half(num_in, num_out), nn.BatchNorm2d(num_out), nn.LeakyReLU(SLOPE)]
        last = nn.Conv2d(channels[-1], 1, FIRST_SIZE, bias=False)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1] -> (N,) logits."""
        logits: Tensor = self.layers(image)
        return logits.flatten()


class DcganGenerator(Completer, Sampler):
    """What is kept: the sampler, and the discriminator that the search asks."""

    def __init__(
        self, sampler: DcganSampler, discriminator: DcganDiscriminator, search: LatentSearch
    ) -> None:
        super().__init__()
        self.sampler, self.discriminator, self.search = sampler, discriminator, search
        self.latent_size = sampler.latent_size

    def sample(self, latents: Tensor) -> Tensor:
        """See Sampler."""
        return self.sampler.sample(latents)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """See Completer."""
        # Of the sample found, the hole is what counts: the caller composites.
        found = self.search.latents(self.sample, self.discriminator, self.latent_size, image, mask)
        return self.sample(found)


def channels_of(width: int, image_size: int) -> list[int]:
    """Of the maps of half the image size, a quarter, ..., FIRST_SIZE."""
    num = (image_size // FIRST_SIZE).bit_length() - 1
    return [width * min(2**level, MAX_MULTIPLE) for level in range(num)]


def build_generator(options: Options, image_size: int) -> DcganGenerator:
    """Untrained; the image size must be a power of two from 8 on."""
    check_size(image_size)
    sampler, discriminator = (
        DcganSampler(options, image_size),
        DcganDiscriminator(options, image_size),
    )
    for network in (sampler, discriminator):
        normal(network)
    search = LatentSearch(options.search_steps, options.search_lr, options.prior_weight)
    return DcganGenerator(sampler, discriminator, search)


def check_size(image_size: int) -> None:
    """A ValueError that names the nearest sizes that there are."""
    below = max(2 * FIRST_SIZE, 1 << (image_size.bit_length() - 1))
    if image_size != below:
        nearest = f"{below}" if image_size < below else f"{below} or {2 * below}"
        raise ValueError(
            f"dcgan needs an image size that is a power of two, not {image_size}: write "
            f"downscale.image_size: {nearest} in params.yaml, or choose another recipe"
        )


@dataclass(frozen=True)
class Losses:
    """Those of Goodfellow et al. 2014: min_G max_D E[log D(x)] + E[log(1 - D(G(z)))].

    G maximises log D(G(z)) instead, whose gradient does not vanish while D rejects its samples
    with confidence. Each of the two updates draws noise of its own.
    """

    sampler: DcganSampler
    discriminator: DcganDiscriminator  # (N, 3, S, S) in [-1, 1] -> (N,) logits

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Tell real from fake, each in a batch of its own."""
        real_logits = self.discriminator(batch.image)  # (N,)
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

    As published, batch norms of both networks see the batch in the other's update too.
    """
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    sampler, discriminator = generator.sampler, generator.discriminator
    losses = Losses(sampler, discriminator)
    networks = to_device({"generator": sampler, "discriminator": discriminator}, device)
    return Recipe(
        generator=generator,  # with the discriminator, which the search asks
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


def _twice(num_in: int, num_out: int) -> nn.ConvTranspose2d:
    """Size n -> 2n."""
    return nn.ConvTranspose2d(num_in, num_out, 4, stride=2, padding=1, bias=False)


def _half(num_in: int, num_out: int) -> nn.Conv2d:
    """Size 2n -> n."""
    return nn.Conv2d(num_in, num_out, 4, stride=2, padding=1, bias=False)
