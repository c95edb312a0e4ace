"""GANscape's discriminator: one branch sees the image, one the box around the hole."""

import torch
from torch import Tensor, nn

from models.compose import cut_box
from models.networks.blocks import BlockStyle, conv_block
from models.pixels import to_unit


class ContextDiscriminator(nn.Module):
    """Image and box -> logits (high = real). Real and fake are judged on the same box."""

    def __init__(
        self,
        *,
        width: int,  # channels of the first layer; 64 is the published size
        image_size: int,  # px
        box_size: int,  # px
        style: BlockStyle,
        global_average_pooling: bool,
        unit_range: bool,  # whether the layers see [0, 1] instead of [-1, 1]
    ) -> None:
        super().__init__()
        self.box_size, self.unit_range = box_size, unit_range
        pooling = global_average_pooling
        global_channels = [3, width, 2 * width, 4 * width, 8 * width, 8 * width]
        local_channels = [3, width, 2 * width, 4 * width, 8 * width]
        # The last convolution: 3x3 stride 1 in the global branch, 5x5 stride 2 in the local one.
        self.global_branch = _branch(global_channels, image_size, (3, 1), style, pooling)
        self.local_branch = _branch(local_channels, box_size, (5, 2), style, pooling)
        self.head = nn.Linear(8 * width, 1)

    def forward(self, image: Tensor, box: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1], (N, 4) -> (N,) logits."""
        if self.unit_range:
            image = to_unit(image)
        seen = [self.global_branch(image), self.local_branch(cut_box(image, box, self.box_size))]
        logits: Tensor = self.head(torch.cat(seen, dim=1))
        return logits.squeeze(1)


def _branch(
    channels: list[int], size: int, last: tuple[int, int], style: BlockStyle, pooling: bool
) -> nn.Sequential:
    """Strided 5x5 blocks along `channels`, one plain convolution, then 4 * width features."""
    width = channels[1]
    blocks = [
        conv_block(num_in, num_out, 5, 2, 1, style)
        for num_in, num_out in zip(channels, channels[1:], strict=False)
    ]
    kernel, stride = last
    conv = nn.Conv2d(channels[-1], 8 * width, kernel, stride, padding=kernel // 2)
    if pooling:  # straight on the convolution, without an activation
        pool = nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(*blocks, conv, pool, nn.Flatten(), nn.Linear(8 * width, 4 * width))
    for _ in range(len(blocks)):
        size = -(-size // 2)  # a block of stride 2: ceil(size / 2)
    size = -(-size // stride)
    flat = nn.Linear(8 * width * size**2, 8 * width)
    layers = [conv, style.activation(), nn.Flatten(), flat, nn.Linear(8 * width, 4 * width)]
    return nn.Sequential(*blocks, *layers)
