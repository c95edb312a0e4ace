"""Norms by name, and the batch norm of systems published for a batch of one."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["batch", "instance", "none"]


def norm_layer(norm: Norm, eps: float = 1e-5) -> Callable[[int], nn.Module] | None:
    """What makes the layer for a number of channels; None for `none`."""
    if norm == "none":
        return None
    if norm == "instance":
        return partial(nn.InstanceNorm2d, eps=eps, affine=True)
    return partial(StatelessBatchNorm, eps=eps)


class StatelessBatchNorm(nn.BatchNorm2d):
    """Batch norm without running figures, as pix2pix runs it in training and in use.

    In training the statistics are the batch's, in inference those of each photo alone, so that no
    photo depends on its neighbours; for the published batch of one both are the same. A channel
    with a single value becomes its bias, where torch's own batch norm refuses to train.
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__(num_features, eps=eps, track_running_stats=False)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W), any size."""
        # y = (x - mean) / sqrt(variance + eps) * weight + bias, a mean and a variance a channel.
        dims = (0, 2, 3) if self.training else (2, 3)
        values = input.float()  # sums of many squares: bf16 would lose them
        variance, mean = torch.var_mean(values, dims, correction=0, keepdim=True)
        normed = (values - mean) * torch.rsqrt(variance + self.eps)
        shape = (1, -1, 1, 1)
        return normed * self.weight.view(shape) + self.bias.view(shape)
