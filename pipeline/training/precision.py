"""The precision of the training: chosen by what the device has, and measured before it is used."""

import time

import torch
from torch import nn


def resolved_precision(requested: str, device: torch.device) -> str:
    """`auto` is bf16 on a GPU with instructions for it, fp32 elsewhere.

    Not on a CPU: without the instructions torch computes bf16 convolutions 50 times slower.
    """
    if requested != "auto":
        return requested
    has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16" if has_bf16 else "fp32"


def autocast_dtype(precision: str) -> torch.dtype | None:
    """Of matrix products and convolutions; None: that of the weights."""
    return torch.bfloat16 if precision == "bf16" else None


def speed_of_bf16(device: torch.device) -> float:
    """How many times faster than in fp32 a small convolution trains in bf16, here and now."""
    return _seconds(torch.float32, device) / _seconds(torch.bfloat16, device)


def _seconds(dtype: torch.dtype, device: torch.device) -> float:
    """Fastest of three forward and backward passes, after one that warms up."""
    layer = nn.Conv2d(32, 32, 3, padding=1).to(device, dtype)
    photos = torch.zeros(8, 32, 32, 32, device=device, dtype=dtype)
    best = float("inf")  # the fastest: others on the machine only make it slower
    for _ in range(4):
        begun = time.perf_counter()
        layer(photos).sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - begun)
    return best
