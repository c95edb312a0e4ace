"""A trained generator as files: weights in safetensors, the rest in config.json."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from models.registry import build_generator


def save_generator(folder: Path, generator: nn.Module, config: dict[str, Any]) -> None:
    """Writes generator.safetensors and config.json; `config` needs `recipe` and `options`."""
    # Contiguous, as the file format asks: channels_last is an order in memory alone.
    weights = {
        name: weight.detach().cpu().contiguous() for name, weight in generator.state_dict().items()
    }
    save_file(weights, folder / "generator.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def load_generator(train_dir: Path, device: torch.device) -> nn.Module:
    """What the stage `train` left in `train_dir`, in inference mode on `device`.

    A Completer, a Sampler or both: see models/components/generators.py.
    """
    config = json.loads((train_dir / "config.json").read_text())
    generator = build_generator(config["recipe"], config["options"], config["image_size"])
    # Built from the options and then filled: the file holds numbers, no code.
    generator.load_state_dict(load_file(train_dir / "generator.safetensors"))
    generator.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return generator.eval().requires_grad_(False)
