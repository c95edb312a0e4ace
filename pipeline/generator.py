"""A trained generator as files: weights in safetensors, the rest in config.json."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from models.registry import build_generator

# (image, mask) -> output; image, output (N, 3, S, S) in [-1, 1], mask (N, 1, S, S) 1 = complete.
Completion = Callable[[Tensor, Tensor], Tensor]


def save_generator(folder: Path, generator: nn.Module, config: dict[str, Any]) -> None:
    """Writes generator.safetensors and config.json; `config` needs `recipe` and `options`."""
    weights = {
        name: weight.detach().cpu().contiguous() for name, weight in generator.state_dict().items()
    }
    save_file(weights, folder / "generator.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def load_generator(train_dir: Path, device: torch.device) -> Completion:
    """The generator that the stage `train` left in `train_dir`, in inference mode, on `device`.

    The returned function never lets hole pixels of the image reach its output.
    """
    config = json.loads((train_dir / "config.json").read_text())
    generator = build_generator(config["recipe"], config["options"])
    generator.load_state_dict(load_file(train_dir / "generator.safetensors"))
    generator.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    generator.eval().requires_grad_(False)

    def complete(image: Tensor, mask: Tensor) -> Tensor:
        output: Tensor = generator(image, mask)
        return output

    return complete
