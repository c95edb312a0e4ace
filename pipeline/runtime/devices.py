"""Where and how the arithmetic happens: the device, the number of CPU threads."""

import os

import torch


def choose_device(name: str) -> torch.device:
    """`auto` is the GPU where there is one; a named device that is not there is an error."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"params.yaml runtime.device is {name!r}, but torch finds no CUDA device here: "
            "write auto or cpu, or mend the driver (`nvidia-smi` tells)"
        )
    return device


def num_threads(requested: int) -> int:
    """CPU threads; 0 means one a core."""
    return requested or os.cpu_count() or 1
