"""The U-Net of pix2pix: down to one pixel and back, with a skip at each size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from models.components.generators import Completer
from models.components.masked_input import MaskedInput
from models.components.pixels import from_unit
from models.networks.blocks import leaky, upsampling

# Where the published codes differ: `torch` rectifies in front of each layer upwards, the skip too,
# and has no norm on the innermost pixel; `keras` rectifies behind it, and norms that pixel as well.
Layout = Literal["torch", "keras"]

MIN_SIZE, MAX_SIZE = 32, 512  # px
MAX_MULTIPLE = 8  # of the width


@dataclass(frozen=True)
class UNetStyle:
    """What the layers are made of."""

    layout: Layout
    norm: Callable[[int], nn.Module] | None  # given the channels
    slope: float  # of the LeakyReLU downwards; upwards it is ReLU
    dropout: float  # on the smallest maps upwards, in inference too
    transposed: bool  # transposed convolutions, or nearest pixels and 3x3

    def is_dropped(self, up: int, num_levels: int) -> bool:
        """Whether dropout stands behind layer `up` upwards, 0 for the innermost."""
        # torch: all layers of the greatest width but the innermost; keras: the three innermost.
        first, num = (1, num_levels - 5) if self.layout == "torch" else (0, 3)
        return self.dropout > 0 and first <= up < first + num


class LastingDropout(nn.Dropout):
    """Drops in inference too: the only noise that pix2pix's generator gets (Isola et al. 2017).

    The same values are dropped whatever the memory layout, which torch's own draws follow.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Draws from torch's global generator."""
        # Scaled by 1 / (1 - p), so that the mean stays what it was.
        kept = torch.rand(input.shape, device=input.device) >= self.p
        return torch.where(kept, input / (1 - self.p), 0.0)


def level_channels(image_size: int, width: int) -> list[int]:
    """Of each halving until one pixel is left; the outermost first."""
    is_power = image_size & (image_size - 1) == 0
    if not is_power or not MIN_SIZE <= image_size <= MAX_SIZE:
        raise ValueError(
            f"a U-Net needs an image size (downscale.image_size) that is a power of two from "
            f"{MIN_SIZE} to {MAX_SIZE}, not {image_size}"
        )
    num_levels = image_size.bit_length() - 1
    return [width * min(2**level, MAX_MULTIPLE) for level in range(num_levels)]


class UNet(Completer):
    """Photo with a hole and mask -> whole image."""

    def __init__(
        self, channels: Sequence[int], style: UNetStyle, masked_input: MaskedInput
    ) -> None:
        super().__init__()
        self.masked_input = masked_input
        num = len(channels)
        sizes = [masked_input.num_channels, *channels]
        self.downs = nn.ModuleList(
            _down(sizes[level], sizes[level + 1], style, level, num) for level in range(num)
        )
        self.ups = nn.ModuleList()
        num_in = channels[-1]
        for up, num_out in enumerate(reversed(channels[:-1])):
            self.ups.append(_up(num_in, num_out, style, style.is_dropped(up, num)))
            num_in = 2 * num_out  # with the skip
        last = upsampling(num_in, 3, transposed=style.transposed)
        self.last = nn.Sequential(*_rectified(last, style))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """See Completer."""
        return self.unclamped(image, mask).clamp(-1, 1)

    def unclamped(self, image: Tensor, mask: Tensor) -> Tensor:
        """As `forward`; where layers see [0, 1], tanh goes below black, to -3: losses see that."""
        values = self.masked_input(image, mask)
        skips = []  # of size S / 2, S / 4, ..., 1
        for down in self.downs:
            values = down(values)
            skips.append(values)
        skips.pop()  # the innermost pixel is where the way up begins
        for up in self.ups:
            # (N, C, s, s) up to 2s, beside the skip of that size: (N, 2 * C', 2s, 2s)
            values = torch.cat([skips.pop(), up(values)], dim=1)
        # In full precision, also under autocast: these are pixels.
        output = torch.tanh(self.last(values).float())
        return from_unit(output) if self.masked_input.unit_range else output


def _down(num_in: int, num_out: int, style: UNetStyle, level: int, num_levels: int) -> nn.Module:
    """Size n -> n / 2."""
    is_innermost = level == num_levels - 1
    layers: list[nn.Module] = [
        nn.Conv2d(num_in, num_out, 4, stride=2, padding=1, bias=style.norm is None)
    ]
    if style.norm and level > 0 and not (is_innermost and style.layout == "torch"):
        layers.append(style.norm(num_out))
    if not (is_innermost and style.layout == "torch"):  # there the rectifier upwards follows
        layers.append(leaky(style.slope)())
    return nn.Sequential(*layers)


def _up(num_in: int, num_out: int, style: UNetStyle, is_dropped: bool) -> nn.Module:
    """Size n -> 2n."""
    layers = upsampling(num_in, num_out, transposed=style.transposed, bias=style.norm is None)
    if style.norm:
        layers.append(style.norm(num_out))
    if is_dropped:
        layers.append(LastingDropout(style.dropout))
    layers = _rectified(layers, style)
    return nn.Sequential(*layers) if style.layout == "torch" else nn.Sequential(*layers, nn.ReLU())


def _rectified(layers: list[nn.Module], style: UNetStyle) -> list[nn.Module]:
    return [nn.ReLU(), *layers] if style.layout == "torch" else layers
