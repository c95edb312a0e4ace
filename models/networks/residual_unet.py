"""A U-Net of residual blocks without norms that corrects a first fill of the hole."""

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from torch.nn import functional

# Of the photo's sides: two px make one, and two levels below that halve again.
MULTIPLE = 8


class Block(nn.Module):
    """x + conv(SiLU(conv(SiLU(x)))); the second convolution is 0 at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, values: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        inner = self.first(functional.silu(values))
        output: Tensor = values + self.second(functional.silu(inner))
        return output


class ResidualUNet(nn.Module):
    """At first its output is 0 everywhere."""

    def __init__(self, num_in: int, num_out: int, width: int, blocks: Sequence[int]) -> None:
        super().__init__()
        wide, wider, widest = width, 2 * width, 4 * width
        upper, middle, lowest = blocks  # in each of the two passes; the lowest has one
        self.stem = nn.Conv2d(4 * num_in, wide, 3, padding=1)
        self.down_upper = nn.Sequential(*(Block(wide) for _ in range(upper)))
        self.to_middle = nn.Conv2d(wide, wider, 3, stride=2, padding=1)
        self.down_middle = nn.Sequential(*(Block(wider) for _ in range(middle)))
        self.to_lowest = nn.Conv2d(wider, widest, 3, stride=2, padding=1)
        self.lowest = nn.Sequential(*(Block(widest) for _ in range(lowest)))
        self.from_lowest = nn.Conv2d(widest, wider, 1)
        self.up_middle = nn.Sequential(*(Block(wider) for _ in range(middle)))
        self.from_middle = nn.Conv2d(wider, wide, 1)
        self.up_upper = nn.Sequential(*(Block(wide) for _ in range(upper)))
        self.last = nn.Conv2d(wide, 4 * num_out, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.last.weight)

    def inner_weights(self) -> Iterator[Tensor]:
        """Of all convolutions but the first and the last: what Muon is for."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d) and layer not in (self.stem, self.last):
                yield layer.weight

    def forward(self, values: Tensor) -> Tensor:
        """(N, num_in, H, W) -> (N, num_out, H, W); H and W are multiples of 8."""
        upper = self.down_upper(self.stem(functional.pixel_unshuffle(values, 2)))
        middle = self.down_middle(self.to_middle(upper))
        lowest = self.lowest(self.to_lowest(middle))
        middle = self.up_middle(middle + self.from_lowest(_doubled(lowest)))
        upper = self.up_upper(upper + self.from_middle(_doubled(middle)))
        return functional.pixel_shuffle(self.last(functional.silu(upper)), 2)


def _doubled(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2, mode="nearest")
