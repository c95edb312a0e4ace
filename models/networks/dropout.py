"""Dropout as a source of noise."""

import torch
from torch import Tensor, nn


class LastingDropout(nn.Dropout):
    """Drops in inference too: the only noise that pix2pix's generator gets (Isola et al. 2017).

    The same values are dropped whatever the memory layout, which torch's own draws follow.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Draws from torch's global generator."""
        kept = torch.rand(input.shape, device=input.device) >= self.p
        return torch.where(kept, input / (1 - self.p), 0.0)
