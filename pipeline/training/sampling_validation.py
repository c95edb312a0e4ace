"""Validation of a generator that draws samples: those of the same latents each time."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.components.generators import Sampler
from models.components.samples import draw_samples
from pipeline.metrics.hole_figures import whole_figures
from pipeline.metrics.sliced_wasserstein import sliced_wasserstein
from pipeline.shards.reader import ShardFolder
from pipeline.training.validation import validation_photos

ROWS = 3  # of a grid


@dataclass(frozen=True)
class SamplingValidation:
    """As many samples as validation photos."""

    FIGURES: ClassVar[tuple[str, ...]] = ("sliced_wasserstein", "detail_ratio", "diversity")

    images: Tensor  # (N, S, S, 3) uint8

    @classmethod
    def load(cls, crop_dir: ShardFolder, meta: dict[str, Any], device: torch.device) -> Self:
        """`meta` is that of the shards."""
        return cls(validation_photos(crop_dir, meta, device, stored_holes=False).images)

    def generate(self, generator: nn.Module) -> Tensor:
        """The samples; see Validation."""
        return draw_samples(cast(Sampler, generator), len(self.images), self.images.device)

    def figures(self, images: Tensor) -> dict[str, float]:
        """Distance to the photos, and what hole_figures.py has for whole images."""
        distance = sliced_wasserstein(images, self.images)
        return {"sliced_wasserstein": distance, **whole_figures(images, self.images)}

    def grid(self, images: Tensor, num: int) -> NDArray[np.uint8]:
        """Up to ROWS rows of `num` samples each."""
        num = min(num, len(images))
        num_rows, size = min(ROWS, len(images) // num), images.shape[1]
        shown = images[: num_rows * num].view(num_rows, num, size, size, 3)
        return shown.permute(0, 2, 1, 3, 4).reshape(num_rows * size, num * size, 3).cpu().numpy()
