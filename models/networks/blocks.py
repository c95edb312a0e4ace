"""Convolution blocks, and lists of layers as params.yaml has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

from pydantic import Field
from torch import nn

from models.components.options import Options

# Keras: moving = 0.99 * moving + 0.01 * batch, epsilon 1e-3.
KERAS_BATCH_NORM = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class Layer(Options):
    """One line of an architecture's table."""

    channels: float = Field(gt=0, description="of its output, in multiples of the recipe's width")
    kernel: int = Field(default=3, ge=1, le=15, description="px; with `up` it counts for nothing")
    stride: int = Field(
        default=1, ge=1, le=4, description="the size shrinks to ceil(size / stride)"
    )
    dilation: int = Field(default=1, ge=1, description="px between two taps of the kernel")
    up: bool = Field(default=False, description="doubles the size")
    norm: bool = Field(default=True, description="false: without the others' norm")


@dataclass(frozen=True)
class BlockStyle:
    """What follows a convolution."""

    activation: Callable[[], nn.Module]
    norm: Callable[[int], nn.Module] | None = None  # given the channels
    norm_first: bool = False  # before the activation

    def after(self, channels: int, *, norm: bool = True) -> list[nn.Module]:
        """The layers behind a convolution with `channels` outputs."""
        if self.norm is None or not norm:
            return [self.activation()]
        layers = [self.activation(), self.norm(channels)]
        return layers[::-1] if self.norm_first else layers


def leaky(negative_slope: float) -> Callable[[], nn.Module]:
    """LeakyReLU, and at slope 0 ReLU."""
    return partial(nn.LeakyReLU, negative_slope) if negative_slope else nn.ReLU


def stack(
    num_in: int, layers: Sequence[Layer], width: int, style: BlockStyle, *, transposed: bool = False
) -> list[nn.Module]:
    """`layers` one after another, at `width`; see `conv_block` and `upsample_block`."""
    blocks: list[nn.Module] = []
    for layer in layers:
        num_out = channels_of(layer, width)
        if layer.up:
            blocks.append(upsample_block(num_in, num_out, style, transposed=transposed))
        else:
            blocks.append(conv_block(num_in, num_out, layer, style))
        num_in = num_out
    return blocks


def channels_of(layer: Layer, width: int) -> int:
    """At least one."""
    return max(1, round(layer.channels * width))


def size_after(layers: Sequence[Layer], size: int) -> int:
    """px; computed as the layers do it and not divided: 28 px make 1 after five strides of 2."""
    for layer in layers:
        # -(-a // b) is a / b rounded up.
        size = 2 * size if layer.up else -(-size // layer.stride)
    return size


def shrinkage(layers: Sequence[Layer]) -> int:
    """Pixels of a side that become one where the map is smallest."""
    return prod(layer.stride for layer in layers)


def check_come_back(layers: Sequence[Layer]) -> None:
    """A ValueError where an image would not leave `layers` at its own size."""
    shrinks, grows = shrinkage(layers), 2 ** sum(layer.up for layer in layers)
    if grows != shrinks:
        raise ValueError(
            f"the generator's layers shrink the image by {shrinks} and enlarge it by {grows}: "
            "one `up: true` for every stride of 2"
        )


def check_image_size(recipe: str, layers: Sequence[Layer], image_size: int) -> None:
    """A ValueError where a stride would leave a remainder."""
    if image_size % shrinkage(layers):
        raise ValueError(
            f"{recipe} with these layers needs an image size that is a multiple of "
            f"{shrinkage(layers)}, not {image_size}"
        )


def that_fit(layers: Sequence[Layer], image_size: int) -> list[Layer]:
    """Without those whose dilation is as large as their map: all taps but one lie in padding."""
    fitting: list[Layer] = []
    for layer in layers:
        if layer.dilation < size_after(fitting, image_size):
            fitting.append(layer)
    return fitting


def conv_block(num_in: int, num_out: int, layer: Layer, style: BlockStyle) -> nn.Sequential:
    """Size n -> ceil(n / stride). Padding is symmetric; Keras shifts strided layers by 1 px."""
    conv = nn.Conv2d(
        num_in,
        num_out,
        layer.kernel,
        layer.stride,
        # An odd kernel of width k and dilation d reaches d * (k // 2) px to each side.
        padding=layer.dilation * (layer.kernel // 2),
        dilation=layer.dilation,
    )
    return nn.Sequential(conv, *style.after(num_out, norm=layer.norm))


def upsample_block(
    num_in: int, num_out: int, style: BlockStyle, *, transposed: bool
) -> nn.Sequential:
    """Size n -> 2n: transposed convolution 4x4 of stride 2, or nearest pixels, then 3x3.

    Under an adversarial loss the transposed one draws a lattice of period 4 into the holes before
    it learns better; the other cannot draw one so easily.
    """
    layers = upsampling(num_in, num_out, transposed=transposed)
    return nn.Sequential(*layers, *style.after(num_out))


def upsampling(
    num_in: int, num_out: int, *, transposed: bool, bias: bool = True
) -> list[nn.Module]:
    """The convolution of `upsample_block` alone."""
    if transposed:
        # Kernel 4 is a multiple of stride 2: every output pixel gets as many taps.
        return [nn.ConvTranspose2d(num_in, num_out, 4, stride=2, padding=1, bias=bias)]
    grow = nn.Upsample(scale_factor=2, mode="nearest")
    return [grow, nn.Conv2d(num_in, num_out, 3, padding=1, bias=bias)]
