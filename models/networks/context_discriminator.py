"""A global and a local discriminator in one: GANscape's and GLCIC's."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from models.components.compose import cut_box
from models.components.pixels import to_unit
from models.networks.blocks import BlockStyle, Layer, channels_of, size_after, stack

Activation = Callable[[], nn.Module]


class ContextDiscriminator(nn.Module):
    """Image and box -> logits (high = real).

    The global branch sees the whole image, the local one the box around the hole; one linear layer
    weighs what both have found (Iizuka et al. 2017).
    """

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
        pooled: bool = False,  # the mean of each channel in place of the first dense layer
        dense_activation: bool = False,  # the style's, behind each of the dense layers
        unit_range: bool,  # whether the layers see [0, 1] instead of [-1, 1]
    ) -> None:
        super().__init__()
        self.box_size, self.unit_range = box_size, unit_range
        features = [width * multiple for multiple in dense]
        after = style.activation if dense_activation else None
        self.global_branch = _branch(
            global_layers, width, image_size, features, style, pooled, after
        )
        self.local_branch = _branch(local_layers, width, box_size, features, style, pooled, after)
        self.head = nn.Linear(2 * features[-1], 1)

    def forward(self, image: Tensor, box: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1], (N, 4) -> (N,) logits."""
        return self.judge(image, cut_box(image, box, self.box_size))

    def judge(self, image: Tensor, patch: Tensor) -> Tensor:
        """(N, 3, S, S) and what the local branch sees, (N, 3, B, B), in [-1, 1] -> (N,) logits."""
        if self.unit_range:
            image, patch = to_unit(image), to_unit(patch)
        # 2 x (N, F) -> (N, 2 * F) -> (N, 1)
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
    after: Activation | None,
) -> nn.Sequential:
    """Convolutions, then dense layers with `after` behind each."""
    blocks = stack(3, layers, width, style)
    num_channels = channels_of(layers[-1], width)
    if pooled:  # straight on the last convolution, without its activation
        last = next(iter(blocks.pop().children()))
        pool = [last, nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*blocks, *pool, *_dense(num_channels, features[1:], after))
    # Computed from the layers and not by division: 28 // 32 would be no pixel at all.
    flat = num_channels * size_after(layers, size) ** 2
    return nn.Sequential(*blocks, nn.Flatten(), *_dense(flat, features, after))


def _dense(num_in: int, features: Sequence[int], after: Activation | None) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for num_out in features:
        layers += [nn.Linear(num_in, num_out), *([after()] if after else [])]
        num_in = num_out
    return layers


def halving_layers(size: int, smallest_map: int) -> list[Layer]:
    """5x5 convolutions of stride 2 until the map is at most `smallest_map`, one at the least.

    With 5 px they are those published for 256, 160, 128 and 96 px (Iizuka et al. 2017 and its
    implementations), and others follow the same rule.
    """
    layers = [Layer(channels=1, kernel=5, stride=2)]
    while size_after(layers, size) > smallest_map:
        channels = min(2 * layers[-1].channels, 8)
        layers.append(Layer(channels=channels, kernel=5, stride=2))
    return layers
