"""GANscape's generator: encoder to a quarter of the size, dilated middle, decoder."""

import torch
from torch import Tensor, nn

from models.compose import context_mean, mask_out
from models.networks.blocks import BlockStyle, conv_block, upsample_block
from models.pixels import from_unit, to_unit


class DilatedGenerator(nn.Module):
    """Hole-free picture and mask -> whole picture; 14 layers with `bottleneck` 4, 13 with 3.

    The receptive field at the bottleneck's end is 143 px (4) or 79 px (3).
    """

    def __init__(
        self,
        *,
        width: int,  # channels of the first layer; 64 is the published size
        bottleneck: int,  # dilated layers: dilation 1, 2, 4, (8)
        style: BlockStyle,
        fill: float | None,  # of the hole pixels, in [-1, 1]; None: each photo's context mean
        mask_channel: bool,  # whether the mask is a fourth input channel
        transposed: bool,  # transposed convolutions, as published, or nearest pixels and 3x3
        unit_range: bool,  # whether the layers see [0, 1] instead of [-1, 1]
    ) -> None:
        super().__init__()
        self.fill, self.mask_channel, self.unit_range = fill, mask_channel, unit_range
        dilated = [conv_block(4 * width, 4 * width, 3, 1, 2**i, style) for i in range(bottleneck)]
        self.layers = nn.Sequential(
            conv_block(4 if mask_channel else 3, width, 5, 1, 1, style),
            conv_block(width, 2 * width, 3, 2, 1, style),
            conv_block(2 * width, 2 * width, 3, 1, 1, style),
            conv_block(2 * width, 4 * width, 3, 2, 1, style),
            conv_block(4 * width, 4 * width, 3, 1, 1, style),
            *dilated,
            upsample_block(4 * width, 2 * width, style, transposed=transposed),
            conv_block(2 * width, 2 * width, 3, 1, 1, style),
            upsample_block(2 * width, width, style, transposed=transposed),
            conv_block(width, width // 2, 3, 1, 1, style),
            nn.Conv2d(width // 2, 3, 3, padding=1),
        )

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1], (N, 1, H, W) -> (N, 3, H, W) in [-1, 1]; H, W multiples of 4.

        Hole pixels of `image` are replaced before any layer sees them.
        """
        fill = context_mean(image, mask) if self.fill is None else self.fill
        masked = mask_out(image, mask, fill)
        if self.unit_range:
            masked = to_unit(masked)
        if self.mask_channel:
            masked = torch.cat([masked, mask.to(masked.dtype)], dim=1)
        output: Tensor = self.layers(masked)
        return from_unit(torch.sigmoid(output.float()))
