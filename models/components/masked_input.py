"""What a completion network sees of a photo with a hole."""

from typing import Literal

import torch
from torch import Tensor, nn

from models.components.compose import context_mean, mask_out
from models.components.pixels import to_unit

Fill = Literal["black", "mean_color", "context_mean"]


class MaskedInput(nn.Module):
    """Fills the hole, so that no pixel of it goes on, and adds the mask where asked to."""

    mean_color: Tensor  # (3, 1, 1)

    def __init__(
        self,
        *,
        fill: Fill,
        mask_channel: bool,
        unit_range: bool = False,
        noise_channels: int = 0,
    ) -> None:
        super().__init__()
        self.fill = fill  # mean_color: of all training photos; context_mean: of the photo's rest
        self.mask_channel = mask_channel  # whether the mask comes as a fourth channel
        self.unit_range = unit_range  # whether layers see [0, 1], where zero padding is black
        self.noise_channels = noise_channels  # further channels, of noise in the hole
        if fill == "mean_color":
            self.register_buffer("mean_color", torch.zeros(3, 1, 1))

    @property
    def num_channels(self) -> int:
        """Of what `forward` returns."""
        return 3 + self.mask_channel + self.noise_channels

    def set_mean_color(self, color: tuple[float, float, float]) -> None:
        """In [-1, 1]; no other fill needs it."""
        if self.fill == "mean_color":
            self.mean_color.copy_(torch.tensor(color).view(3, 1, 1))

    def draw_noise(self, mask: Tensor) -> Tensor:
        """(N, noise_channels, 1, 1) standard normal: the same all over a photo's holes.

        Of noise that differs from pixel to pixel a convolution takes the mean, which is always 0.
        """
        return torch.randn(len(mask), self.noise_channels, 1, 1, device=mask.device)

    def forward(self, image: Tensor, mask: Tensor, noise: Tensor | None = None) -> Tensor:
        """(N, 3, H, W) in [-1, 1], (N, 1, H, W) -> (N, num_channels, H, W).

        Draws noise where none is given.
        """
        # (N, 3) + mask (N, 1) + noise (N, noise_channels), each (H, W)
        masked = mask_out(image, mask, self._fill(image, mask))
        # Before the mask is added, which is 0 or 1 either way.
        if self.unit_range:
            masked = to_unit(masked)
        if self.mask_channel:
            masked = torch.cat([masked, mask.to(masked.dtype)], dim=1)
        if self.noise_channels:
            noise = self.draw_noise(mask) if noise is None else noise
            masked = torch.cat([masked, (mask * noise).to(masked.dtype)], dim=1)
        return masked

    def _fill(self, image: Tensor, mask: Tensor) -> float | Tensor:
        if self.fill == "context_mean":
            return context_mean(image, mask)
        # black is -1 here and 0 in [0, 1]
        return self.mean_color if self.fill == "mean_color" else -1.0
