"""The one pair of functions between stored pixels and tensors.

Images in memory are HWC uint8, 0..255; tensors are NCHW float32 in [-1, 1]. There is no third form:
a recipe published on [0, 1] converts inside its own networks and losses (`to_unit`, `from_unit`).
"""

import torch
from torch import Tensor


def to_tensor(images: Tensor) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in [-1, 1], laid out channels_last."""
    assert images.dtype == torch.uint8, f"pixels must be uint8, not {images.dtype}"
    # permute moves no byte: the tensor keeps the images' order, which is what channels_last is.
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1


def to_uint8(tensor: Tensor) -> Tensor:
    """(N, 3, H, W) float in [-1, 1] -> (N, H, W, 3) uint8, rounded; values outside are clamped."""
    levels = ((tensor.float() + 1) * 127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def to_unit(tensor: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1]: squared errors shrink by 4, absolute ones by 2."""
    return (tensor + 1) / 2


def from_unit(tensor: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1]."""
    return tensor * 2 - 1
