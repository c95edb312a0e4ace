"""Convolution blocks: convolution, activation, then (where asked) batch normalisation."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class BlockStyle:
    """What follows a convolution."""

    batch_norm: bool  # after the activation, as GANscape has it
    negative_slope: float  # of the activation; 0 is ReLU

    def after(self, channels: int) -> list[nn.Module]:
        """The layers behind a convolution with `channels` outputs."""
        layers: list[nn.Module] = [self.activation()]
        if self.batch_norm:
            # Keras: moving = 0.99 * moving + 0.01 * batch, epsilon 1e-3.
            layers.append(nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01))
        return layers

    def activation(self) -> nn.Module:
        """The non-linearity alone."""
        return nn.LeakyReLU(self.negative_slope) if self.negative_slope else nn.ReLU()


def conv_block(
    num_in: int, num_out: int, kernel: int, stride: int, dilation: int, style: BlockStyle
) -> nn.Sequential:
    """Size n -> ceil(n / stride). Padding is symmetric; Keras shifts strided layers by 1 px."""
    conv = nn.Conv2d(
        num_in, num_out, kernel, stride, padding=dilation * (kernel // 2), dilation=dilation
    )
    return nn.Sequential(conv, *style.after(num_out))


def upsample_block(
    num_in: int, num_out: int, style: BlockStyle, *, transposed: bool
) -> nn.Sequential:
    """Size n -> 2n: transposed convolution 4x4 of stride 2, or nearest pixels, then 3x3.

    Under an adversarial loss the transposed one draws a lattice of period 4 into the holes before
    it learns better; the other cannot draw one so easily.
    """
    if transposed:
        conv = nn.ConvTranspose2d(num_in, num_out, 4, stride=2, padding=1)
        return nn.Sequential(conv, *style.after(num_out))
    grow = nn.Upsample(scale_factor=2, mode="nearest")
    return nn.Sequential(grow, conv_block(num_in, num_out, 3, 1, 1, style))
