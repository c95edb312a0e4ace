"""A global and a local discriminator in one: GANscape's and GLCIC's."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.compose import cut_box
from models.networks.blocks import BlockStyle, Layer, channels_of, size_after, stack
from models.pixels import to_unit


class ContextDiscriminator(nn.Module):
    """Image and box -> logits (high = real). Each side of the game is judged on the same box."""

    def __init__(
        self,
        *,
        global_layers: Sequence[Layer],  # over the image
        local_layers: Sequence[Layer],  # over the box
        dense: Sequence[int],  # features of each branch's dense layers, in multiples of width
        width: int,
        image_size: int,  # px
        box_size: int,  # px
        style: BlockStyle,
        pooled: bool,  # the mean of each channel in place of the first dense layer
        unit_range: bool,  # whether the layers see [0, 1] instead of [-1, 1]
    ) -> None:
        super().__init__()
        self.box_size, self.unit_range = box_size, unit_range
        features = [width * multiple for multiple in dense]
        self.global_branch = _branch(global_layers, width, image_size, features, style, pooled)
        self.local_branch = _branch(local_layers, width, box_size, features, style, pooled)
        self.head = nn.Linear(2 * features[-1], 1)

    def forward(self, image: Tensor, box: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1], (N, 4) -> (N,) logits."""
        return self.judge(image, cut_box(image, box, self.box_size))

    def judge(self, image: Tensor, patch: Tensor) -> Tensor:
        """(N, 3, S, S) and what the local branch sees, (N, 3, B, B), in [-1, 1] -> (N,) logits."""
        if self.unit_range:
            image, patch = to_unit(image), to_unit(patch)
        seen = [self.global_branch(image), self.local_branch(patch)]
        logits: Tensor = self.head(torch.cat(seen, dim=1))
        return logits.squeeze(1)


def _branch(
    layers: Sequence[Layer],
    width: int,
    size: int,
    features: Sequence[int],
    style: BlockStyle,
    pooled: bool,
) -> nn.Sequential:
    """Convolutions, then dense layers without an activation between them."""
    blocks = stack(3, layers, width, style)
    num_channels = channels_of(layers[-1], width)
    if pooled:  # straight on the last convolution, without its activation
        last = next(iter(blocks.pop().children()))
        pool = [last, nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*blocks, *pool, *_dense(num_channels, features[1:]))
    flat = num_channels * size_after(layers, size) ** 2
    return nn.Sequential(*blocks, nn.Flatten(), *_dense(flat, features))


def _dense(num_in: int, features: Sequence[int]) -> list[nn.Module]:
    sizes = [num_in, *features]
    return [nn.Linear(one, other) for one, other in zip(sizes, sizes[1:], strict=False)]
