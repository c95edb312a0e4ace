"""PatchGAN: a logit for each patch of an image, seen beside what it was made from."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.components.pixels import to_unit
from models.networks.blocks import BlockStyle

KERNEL = 4  # px, of every layer
MAX_MULTIPLE = 8  # of the width, in layers that halve


class PatchDiscriminator(nn.Module):
    """`num_strided` layers that halve the size, one that does not, and the logits (high = real)."""

    def __init__(
        self,
        num_in: int,  # channels of what the image was made from
        *,
        width: int,
        num_strided: int,
        last_channels: int,  # of the layer before the logits
        style: BlockStyle,
        first_bias: bool,
        unit_range: bool,  # whether the layers see [0, 1] instead of [-1, 1]
    ) -> None:
        super().__init__()
        self.num_strided, self.unit_range = num_strided, unit_range
        channels = [width * min(2**layer, MAX_MULTIPLE) for layer in range(num_strided)]
        sizes = [num_in + 3, *channels, last_channels]
        self.blocks = nn.ModuleList()
        for layer, (before, after) in enumerate(zip(sizes, sizes[1:], strict=False)):
            stride = 2 if layer < num_strided else 1
            # A norm behind it would take the bias out again; the first layer has no norm.
            has_bias = style.norm is None or (layer == 0 and first_bias)
            conv = nn.Conv2d(before, after, KERNEL, stride, padding=1, bias=has_bias)
            self.blocks.append(nn.Sequential(conv, *style.after(after, norm=layer > 0)))
        self.head = nn.Conv2d(last_channels, 1, KERNEL, padding=1)

    def forward(self, given: Tensor, image: Tensor) -> Tensor:
        """(N, num_in, S, S) as the generator sees it, (N, 3, S, S) in [-1, 1] -> (N, 1, P, P)."""
        return self.judge(self.features(given, image))

    def features(self, given: Tensor, image: Tensor) -> list[Tensor]:
        """The outputs of all layers before the logits."""
        # (N, num_in + 3, S, S); what was given comes in the layers' range already.
        values = torch.cat([given, to_unit(image) if self.unit_range else image], dim=1)
        found = []
        for block in self.blocks:
            values = block(values)
            found.append(values)
        return found

    def judge(self, features: list[Tensor]) -> Tensor:
        """What `features` returns -> (N, 1, P, P) logits."""
        logits: Tensor = self.head(features[-1])
        return logits

    def sees(self, mask: Tensor) -> Tensor:
        """(N, 1, S, S) -> (N, 1, P, P): 1 where a logit's patch holds a pixel of the mask."""
        # Through windows like those of the layers, with the maximum in place of the weights.
        for stride in (*[2] * self.num_strided, 1, 1):
            mask = functional.max_pool2d(mask, KERNEL, stride, padding=1)
        return mask


def receptive_field(num_strided: int) -> int:
    """px of the image that one logit sees: 7, 16, 34, 70, 142, 286."""
    # From the logit back to the image: r_before = r * stride + kernel - stride.
    field = 1
    for stride in (1, 1, *[2] * num_strided):
        field = field * stride + KERNEL - stride
    return field


def strided_layers(image_size: int, share: float) -> int:
    """The number whose receptive field comes nearest to `share` of the image's side."""
    numbers = range(image_size.bit_length() - 2)  # beyond it no logit is left
    return min(numbers, key=lambda num: abs(receptive_field(num) - share * image_size))
