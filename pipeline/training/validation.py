"""Validation during training: figures, and a grid of the same pictures each time."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn


class Validation(Protocol):
    """What a generator makes of the validation split. Every look draws the same random numbers."""

    def pictures(self, generator: nn.Module) -> Tensor:
        """(N, S, S, 3) uint8; `generator` is in inference mode."""

    def figures(self, pictures: Tensor) -> dict[str, float]:
        """Of the pictures, by name."""

    def grid(self, pictures: Tensor, num: int) -> NDArray[np.uint8]:
        """HWC; `num` of the pictures side by side, in rows."""


def save_grid(grid: NDArray[np.uint8], path: Path) -> None:
    """PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid).save(path)
