"""What a generator can do: complete the hole of a photo, draw a whole image, or both."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Completer(nn.Module, ABC):
    """Completes holes."""

    @abstractmethod
    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """image (N, 3, S, S) in [-1, 1], mask (N, 1, S, S), 1 = complete -> output like image.

        No hole pixel of `image` has an influence. The output is raw: composite it.
        """


class Sampler(nn.Module, ABC):
    """Draws images from noise."""

    latent_size: int

    @abstractmethod
    def sample(self, latents: Tensor) -> Tensor:
        """(N, latent_size) standard normal -> (N, 3, S, S) in [-1, 1]."""
