"""The training split, resident and decoded once; every batch is a function of (seed, step)."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.compose import rectangle_mask
from models.pixels import to_tensor
from models.recipe import Batch
from pipeline.fresh_holes import HoleSizes, boxes_around, draw_holes
from pipeline.shard_reader import read_split

# First part of a random stream's name, so that order and draws never share one.
ORDER, DRAWS = 0, 1


@dataclass(frozen=True)
class Photos:
    """A split in memory, in shard order."""

    images: Tensor  # (N, S, S, 3) uint8
    masks: Tensor  # (N, 1, S, S) bool, True = pixels to complete
    boxes: Tensor  # (N, 4) int64

    def to(self, device: torch.device) -> "Photos":
        """The same photos on `device`."""
        return Photos(self.images.to(device), self.masks.to(device), self.boxes.to(device))

    def batch(self, indices: Tensor) -> Batch:
        """The photos `indices` with their stored holes."""
        return Batch(
            image=to_tensor(self.images[indices]),
            mask=self.masks[indices].float(),
            box=self.boxes[indices],
        )


def load_photos(crop_dir: Path, split: str, num: int, image_size: int) -> Photos:
    """Decodes the `num` samples that the shards' metadata promises of `split`."""
    if num == 0:
        raise ValueError(f"{crop_dir}/{split} holds no photos: keep more, or change the split")
    images = torch.empty((num, image_size, image_size, 3), dtype=torch.uint8)
    masks = torch.empty((num, 1, image_size, image_size), dtype=torch.bool)
    boxes = torch.empty((num, 4), dtype=torch.int64)
    count = 0
    for count, sample in enumerate(read_split(crop_dir, split), start=1):
        assert count <= num, f"{crop_dir}/{split} holds more than its {num} samples"
        images[count - 1] = torch.from_numpy(np.array(sample.image))
        masks[count - 1, 0] = torch.from_numpy(np.array(sample.mask))
        boxes[count - 1] = torch.tensor(sample.box)
    assert count == num, f"{crop_dir}/{split} holds {count} of its {num} samples"
    return Photos(images, masks, boxes)


@dataclass(frozen=True)
class Feed:
    """Batches of training photos on the device that holds `photos`."""

    photos: Photos
    seed: int
    batch_size: int
    flip: bool
    fresh: HoleSizes | None  # None: the stored holes

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass over the photos, at least 1."""
        return max(1, len(self.photos.images) // self.batch_size)

    def batch(self, step: int) -> Batch:
        """Batch number `step`; passes follow each other without a gap."""
        device = self.photos.images.device
        batch = self.photos.batch(_upload(self._indices(step), device))
        rng = np.random.default_rng([self.seed, DRAWS, step])
        flips = rng.random(self.batch_size) < 0.5
        if self.fresh is not None:
            holes = draw_holes(rng, self.batch_size, self.fresh)
            boxes = _upload(boxes_around(holes, self.fresh), device)
            mask = rectangle_mask(_upload(holes, device), self.fresh.image_size)
            batch = Batch(batch.image, mask, boxes)
        return flip_batch(batch, _upload(flips, device)) if self.flip else batch

    def _indices(self, step: int) -> NDArray[np.int64]:
        """Each pass is its own permutation; a batch may lie across two."""
        positions = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        passes, offsets = np.divmod(positions, len(self.photos.images))
        orders = {number: self._order(number) for number in np.unique(passes).tolist()}
        return np.concatenate([order[offsets[passes == n]] for n, order in orders.items()])

    def _order(self, number: int) -> NDArray[np.int64]:
        return permutation(self.seed, number, len(self.photos.images))


@lru_cache(maxsize=2)  # a batch lies in one pass or across two
def permutation(seed: int, number: int, num: int) -> NDArray[np.int64]:
    """The order of the `num` photos in pass `number`."""
    return np.random.default_rng([seed, ORDER, number]).permutation(num)


def _upload(array: NDArray[Any], device: torch.device) -> Tensor:
    """To `device` without waiting for it."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def flip_batch(batch: Batch, flips: Tensor) -> Batch:
    """Mirrors the samples where `flips` (N,) is true: image, mask and box alike."""
    where = flips[:, None, None, None]
    top, left, height, width = batch.box.unbind(1)
    mirrored = batch.image.shape[3] - left - width
    return Batch(
        image=torch.where(where, batch.image.flip(3), batch.image),
        mask=torch.where(where, batch.mask.flip(3), batch.mask),
        box=torch.stack([top, torch.where(flips, mirrored, left), height, width], dim=1),
    )
