"""Validation during training: figures, and a grid of the same photos or samples each time."""

from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from pipeline.shards.reader import ShardFolder, shards_of
from pipeline.training.photos import Photos, load_photos

# Photos for the figures: enough for a steady curve, few enough to cost a second.
MAX_PHOTOS = 256


class Validation(Protocol):
    """What a generator makes of the validation split. Every call draws the same random numbers."""

    FIGURES: ClassVar[tuple[str, ...]]  # the names of its figures

    def generate(self, generator: nn.Module) -> Tensor:
        """(N, S, S, 3) uint8; `generator` is in inference mode."""

    def figures(self, images: Tensor) -> dict[str, float]:
        """Of what `generate` returns, by name."""

    def grid(self, images: Tensor, num: int) -> NDArray[np.uint8]:
        """HWC; `num` of the images side by side, in rows."""


def validation_photos(
    crop_dir: ShardFolder, meta: dict[str, Any], device: torch.device, *, stored_holes: bool
) -> Photos:
    """At most MAX_PHOTOS, evenly spread over the split; `meta` is that of the shards."""
    num, size = meta["num_samples"]["val"], meta["image_size"]
    if num == 0:
        raise ValueError(f"{crop_dir}/val holds no photos: keep more, or change the split")
    shards, every = shards_of(crop_dir, "val"), -(-num // MAX_PHOTOS)
    return load_photos(shards, num, size, stored_holes=stored_holes, every=every).to(device)


def save_grid(grid: NDArray[np.uint8], path: Path) -> None:
    """PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grid).save(path)
