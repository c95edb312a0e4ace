"""A network's weights averaged over the training: what is validated, shown and kept.

A GAN's weights circle around each other's; their average is steadier than any of them (Yazici et
al. 2019, arXiv 1806.04498).
"""

import copy

import torch
from torch import nn

# The half-life is at most this share of the images seen, so that the start is forgotten
# (Karras et al. 2020, arXiv 2006.06676: ramp-up 0.05).
RAMP_UP = 0.05


class EMA:
    """Exponential moving average of `network`; buffers are copied.

    A half-life of 0 images gives the network's weights as they are.
    """

    def __init__(self, network: nn.Module, half_life: int) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life = half_life  # images
        self.source = network

    @torch.no_grad()
    def update(self, num_new: int, num_seen: int) -> None:
        """Moves towards the network's weights after `num_new` images, `num_seen` in all."""
        # keep^(half_life / num_new) = 1/2, so that batches of any size average alike.
        half_life = min(self.half_life, RAMP_UP * num_seen)
        keep = 0.5 ** (num_new / half_life) if half_life else 0.0
        weights = zip(self.network.parameters(), self.source.parameters(), strict=True)
        for average, weight in weights:
            average.lerp_(weight, 1 - keep)  # keep * average + (1 - keep) * weight
        # Running means of batch norms are averages already.
        for copied, buffer in zip(self.network.buffers(), self.source.buffers(), strict=True):
            copied.copy_(buffer)
