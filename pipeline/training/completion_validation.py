"""Validation of a generator that completes holes."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.components.compose import composite, mask_out
from models.components.pixels import to_tensor, to_uint8
from models.recipe import Batch, seeded
from pipeline.metrics.hole_figures import hole_figures
from pipeline.shards.reader import ShardFolder
from pipeline.training.photos import Holes
from pipeline.training.validation import validation_photos

PHOTOS_AT_ONCE = 64


@dataclass(frozen=True)
class CompletionValidation:
    """Validation photos with their stored holes."""

    FIGURES: ClassVar[tuple[str, ...]] = (
        "hole_l1",
        "hole_psnr",
        "seam_ratio",
        "detail_ratio",
        "diversity",
    )

    images: Tensor  # (N, S, S, 3) uint8
    holes: Holes

    @classmethod
    def load(cls, crop_dir: ShardFolder, meta: dict[str, Any], device: torch.device) -> Self:
        """`meta` is that of the shards."""
        photos = validation_photos(crop_dir, meta, device, stored_holes=True)
        assert photos.holes is not None
        return cls(photos.images, photos.holes)

    @torch.no_grad()
    def generate(self, generator: nn.Module) -> Tensor:
        """The completed photos; see Validation."""
        parts = []
        # Noise and dropout are the same each time, so that curves show the weights alone.
        with seeded(0, "validation"):
            for rows in torch.split(torch.arange(len(self.images)), PHOTOS_AT_ONCE):
                batch = self._batch(rows)
                output = generator(batch.image, batch.mask)
                parts.append(to_uint8(composite(output, batch.image, batch.mask)))
        return torch.cat(parts)

    def figures(self, images: Tensor) -> dict[str, float]:
        """See pipeline/metrics/hole_figures.py."""
        return hole_figures(images, self.images, self.holes.masks, self.holes.boxes)

    def grid(self, images: Tensor, num: int) -> NDArray[np.uint8]:
        """Columns: photos evenly spread; rows: masked, completed, original."""
        num_all = len(self.images)
        num = min(num, num_all)
        chosen = torch.arange(num) * num_all // num
        batch = self._batch(chosen)
        masked = to_uint8(mask_out(batch.image, batch.mask, fill=0.0))
        rows = [masked, images[chosen], self.images[chosen]]
        # (3, N, S, S, 3) -> (3 * S, N * S, 3)
        grid = torch.stack(rows).permute(0, 2, 1, 3, 4).flatten(2, 3).flatten(0, 1)
        return grid.cpu().numpy()

    def _batch(self, rows: Tensor) -> Batch:
        rows = rows.to(self.images.device)
        image = to_tensor(self.images[rows])
        return Batch(image, self.holes.masks[rows].float(), self.holes.boxes[rows])
