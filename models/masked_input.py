"""What a completion network sees of a photo with a hole."""

from typing import Literal

import torch
from torch import Tensor, nn

from models.compose import context_mean, mask_out
from models.pixels import to_unit

Fill = Literal["black", "mean_color", "context_mean"]


class MaskedInput(nn.Module):
    """Fills the hole, so that no pixel of it goes on, and adds the mask where asked to."""

    mean_color: Tensor  # (3, 1, 1)

    def __init__(self, *, fill: Fill, mask_channel: bool, unit_range: bool = False) -> None:
        super().__init__()
        self.fill = fill  # mean_color: of all training photos; context_mean: of the photo's rest
        self.mask_channel = mask_channel  # whether the mask comes as a fourth channel
        self.unit_range = unit_range  # whether layers see [0, 1], where zero padding is black
        if fill == "mean_color":
            self.register_buffer("mean_color", torch.zeros(3, 1, 1))

    @property
    def num_channels(self) -> int:
        """Of what `forward` returns."""
        return 4 if self.mask_channel else 3

    def set_mean_color(self, color: tuple[float, float, float]) -> None:
        """In [-1, 1]; no other fill needs it."""
        if self.fill == "mean_color":
            self.mean_color.copy_(torch.tensor(color).view(3, 1, 1))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1], (N, 1, H, W) -> (N, num_channels, H, W)."""
        masked = mask_out(image, mask, self._fill(image, mask))
        if self.unit_range:
            masked = to_unit(masked)
        if self.mask_channel:
            masked = torch.cat([masked, mask.to(masked.dtype)], dim=1)
        return masked

    def _fill(self, image: Tensor, mask: Tensor) -> float | Tensor:
        if self.fill == "context_mean":
            return context_mean(image, mask)
        return self.mean_color if self.fill == "mean_color" else -1.0
