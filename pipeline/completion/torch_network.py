"""A trained generator, run by torch."""

from pathlib import Path

import numpy as np
import torch

from models.components.generators import Completer
from models.components.pixels import to_tensor, to_uint8
from models.generator_files import load_generator, read_config
from models.recipe import seeded
from pipeline.completion.network import check_outputs
from pipeline.runtime.devices import choose_device


class TorchNetwork:
    """A Network (pipeline/completion/network.py) from generator.safetensors and config.json."""

    def __init__(self, folder: Path, device: str = "auto") -> None:
        """`device` is auto, or a name that torch knows."""
        config = read_config(folder)
        self._device = _device(device)
        generator = load_generator(folder, self._device)
        if not isinstance(generator, Completer):
            raise ValueError(
                f"{folder} holds a generator of recipe {config['recipe']!r}, which makes up whole "
                "images and completes none: train another recipe (docs/training.md, Recipes)"
            )
        self._generator = generator
        self.image_size: int = config["image_size"]
        self.recipe: str = config["recipe"]

    @torch.no_grad()
    def __call__(self, windows: np.ndarray, masks: np.ndarray, seed: int) -> np.ndarray:
        """See Network."""
        images = to_tensor(torch.from_numpy(windows).to(self._device))
        holes = torch.from_numpy(masks).to(self._device)[:, None].float()
        with seeded(seed, "completing"):
            outputs = self._generator(images, holes)
        check_outputs(bool(outputs.isfinite().all()), self.recipe)
        made: np.ndarray = to_uint8(outputs).cpu().numpy()
        return made


def _device(name: str) -> torch.device:
    if name == "auto":
        return choose_device(name)
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch without CUDA
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device is {name!r}, but torch cannot use it here ({reason}): name auto or cpu"
        ) from None
    return device
