"""Validation during training: figures of the holes and a grid of the same photos each time."""

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from models.compose import composite, mask_out
from models.pixels import to_uint8
from models.recipe import Batch
from pipeline.feed import Photos

# Photos for the figures: enough for a steady curve, few enough to cost a second.
MAX_PHOTOS = 256
PHOTOS_AT_ONCE = 64
# A hole completed without error has infinite PSNR; the evaluation caps it too.
MAX_PSNR = 60.0


@dataclass(frozen=True)
class Validation:
    """Validation photos with their stored holes, evenly spread over the split."""

    photos: Photos

    @classmethod
    def of(cls, photos: Photos, num_at_least: int) -> "Validation":
        """At most MAX_PHOTOS (or `num_at_least`) of `photos`."""
        num_all = len(photos.images)
        num = min(num_all, max(MAX_PHOTOS, num_at_least))
        chosen = torch.arange(num) * num_all // num
        return cls(Photos(photos.images[chosen], photos.masks[chosen], photos.boxes[chosen]))

    @torch.no_grad()
    def completed(self, generator: nn.Module) -> Tensor:
        """(N, S, S, 3) uint8; no random number is drawn."""
        generator.eval()
        everything = torch.arange(len(self.photos.images), device=self.photos.images.device)
        batches = [self.photos.batch(part) for part in torch.split(everything, PHOTOS_AT_ONCE)]
        return torch.cat([to_uint8(_complete(generator, batch)) for batch in batches])

    def figures(self, completed: Tensor) -> dict[str, float]:
        """Means over the photos of hole L1 (0..1) and hole PSNR (dB) of the uint8 pictures."""
        hole = self.photos.masks.permute(0, 2, 3, 1)
        errors = (completed.float() - self.photos.images.float()) / 255 * hole
        num_values = 3 * hole.sum(dim=(1, 2, 3))
        absolute = errors.abs().sum(dim=(1, 2, 3)) / num_values
        squared = errors.square().sum(dim=(1, 2, 3)) / num_values
        psnr = (-10 * torch.log10(squared)).clamp(max=MAX_PSNR)
        return {"hole_l1": absolute.mean().item(), "hole_psnr": psnr.mean().item()}

    def save_grid(self, completed: Tensor, path: Path, num: int) -> None:
        """PNG; columns: `num` photos evenly spread, rows: masked, completed, original."""
        num_all = len(self.photos.images)
        num = min(num, num_all)
        chosen = torch.arange(num, device=completed.device) * num_all // num
        batch = self.photos.batch(chosen)
        masked = to_uint8(mask_out(batch.image, batch.mask, fill=0.0))
        rows = [masked, completed[chosen], self.photos.images[chosen]]
        # (3, N, S, S, 3) -> (3 * S, N * S, 3)
        grid = torch.stack(rows).permute(0, 2, 1, 3, 4).flatten(2, 3).flatten(0, 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(grid.cpu().numpy()).save(path)


def _complete(generator: nn.Module, batch: Batch) -> Tensor:
    return composite(generator(batch.image, batch.mask), batch.image, batch.mask)
