"""The precision of the training: chosen by what the device has, and measured before it is used."""

import time

import torch
from torch import nn

# Kernel, side of the map and stride: those of the recipes, and the smallest maps.
CONVOLUTIONS = ((3, 32, 1), (3, 16, 2), (1, 8, 1), (5, 1, 1), (3, 1, 1), (4, 2, 2))
MOST_ERROR = 0.05  # of the gradient's size; rounding to 8 bits makes 0.2 to 0.5 %


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


def check_bf16(device: torch.device) -> None:
    """ValueError where a CPU has no instructions for bf16, or its gradients are wrong with them.

    oneDNN's were garbage once, of a 5x5 convolution over a map of 1x1 (bench/README.md).
    """
    if device.type != "cpu":
        return
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        raise ValueError(
            "train.precision is bf16, but this processor has no instructions for it and would take "
            "some 50 times as long: use fp32, or auto"
        )
    if (error := _largest_error()) > MOST_ERROR:
        raise ValueError(
            f"train.precision is bf16, but here gradients in bf16 are off by {error:.0%} of their "
            f"size, and at most {MOST_ERROR:.0%} is rounding: use fp32, or auto"
        )


def _largest_error() -> float:
    """Of gradients in bf16, as a share of those in fp32, over kinds of convolutions."""
    worst = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for kernel, side, stride in CONVOLUTIONS:
            layer = nn.Conv2d(32, 48, kernel, stride, kernel // 2)
            photos = torch.randn(4, 32, side, side).contiguous(memory_format=torch.channels_last)
            exact, rounded = (_gradient(layer, photos, in_bf16) for in_bf16 in (False, True))
            error = ((exact - rounded).norm() / exact.norm()).item()
            # A NaN is greater than nothing; it must not pass.
            worst = max(worst, error if error == error else float("inf"))
    return worst


def _gradient(layer: nn.Module, photos: torch.Tensor, in_bf16: bool) -> torch.Tensor:
    photos = photos.detach().requires_grad_()
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
        output = layer(photos)
    output.float().square().sum().backward()
    assert photos.grad is not None
    gradients = [photos.grad, *(weight.grad for weight in layer.parameters())]
    return torch.cat([each.flatten() for each in gradients if each is not None])


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
