"""The batches of a training: each a function of (seed, step), wherever its photos come from."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.components.pixels import to_tensor
from models.recipe import Batch
from pipeline.holes.cutter import HoleCutter
from pipeline.holes.drawn_holes import Masks, Rectangles
from pipeline.params.runtime import RuntimeParams
from pipeline.params.train import TrainParams
from pipeline.runtime.devices import num_threads
from pipeline.runtime.progress import say
from pipeline.shards.reader import ShardFolder, shards_of
from pipeline.training.order import DRAWS, NOISE, Order
from pipeline.training.photos import (
    Photos,
    ResidentPhotos,
    TrainingPhotos,
    choose_feeding,
    load_photos,
    shard_sizes,
    upload,
)
from pipeline.training.processes import Processes
from pipeline.training.streamed_photos import StreamedPhotos


@dataclass(frozen=True)
class BatchLoader:
    """This process's share of every batch, on the training device."""

    photos: TrainingPhotos
    seed: int
    batch_size: int  # over all processes
    flip: bool
    fresh: HoleCutter | None  # None: the stored holes
    rank: int = 0  # of this process
    num_processes: int = 1  # each gets an equal share of the batch

    def batch(self, step: int) -> Batch:
        """This process's photos of batch `step`; a batch may lie across two passes."""
        # Positions count photos from the first step on, over all passes: step * B + 0 .. B - 1.
        share = self.batch_size // self.num_processes
        mine = slice(self.rank * share, (self.rank + 1) * share)
        photos = self.photos.take(np.arange(self.batch_size)[mine] + step * self.batch_size)
        # Drawn for the whole batch, so that it does not depend on how many processes share it.
        rng = np.random.default_rng([self.seed, DRAWS, step])
        flips = rng.random(self.batch_size) < (0.5 if self.flip else 0.0)
        if self.fresh is None:
            return _with_stored_holes(photos, flips[mine])
        masks, _, boxes = self.fresh.cut(f"{self.seed}/fresh hole/{step}", self.batch_size)
        return _with_holes(photos, flips[mine], masks[mine], boxes[mine])

    def seed_noise(self, step: int) -> None:
        """Makes what the networks draw (noise, dropout) a function of (seed, step, process)."""
        # Seeded anew at each step: a resumed training draws what an uninterrupted one would.
        words = np.random.SeedSequence([self.seed, NOISE, step, self.rank]).generate_state(1)
        torch.manual_seed(int(words[0]))


def _with_holes(photos: Photos, flips: np.ndarray, masks: Masks, boxes: Rectangles) -> Batch:
    """The holes as drawn, in the photos as flipped."""
    device = photos.images.device
    # One small upload instead of two.
    small = upload(torch.from_numpy(np.column_stack([flips, boxes])), device)
    images = flipped(photos.images, small[:, 0] > 0, 2)  # (N, S, S, 3): left to right
    mask = upload(torch.from_numpy(masks), device)[:, None].float()
    return Batch(to_tensor(images), mask, small[:, 1:])


def _with_stored_holes(photos: Photos, flips: np.ndarray) -> Batch:
    """Holes and boxes are flipped with their photos."""
    assert photos.holes is not None, "the photos were loaded without their holes"
    where = upload(torch.from_numpy(flips), photos.images.device)
    masks = flipped(photos.holes.masks, where, 3).float()  # (N, 1, S, S): left to right
    boxes = mirrored(photos.holes.boxes, where, photos.images.shape[2])
    return Batch(to_tensor(flipped(photos.images, where, 2)), masks, boxes)


def flipped(tensor: Tensor, where: Tensor, dim: int) -> Tensor:
    """Mirrors along `dim` the samples of (N, ...) where `where` (N,) is true."""
    return torch.where(where.view(-1, *[1] * (tensor.dim() - 1)), tensor.flip(dim), tensor)


def mirrored(rectangles: Tensor, where: Tensor, image_size: int) -> Tensor:
    """The (N, 4) rectangles, left and right exchanged where `where` (N,) is true."""
    top, left, height, width = rectangles.unbind(1)
    other = torch.where(where, image_size - left - width, left)
    return torch.stack([top, other, height, width], dim=1)


def open_batch_loader(
    crop_dir: ShardFolder,
    meta: dict[str, Any],
    params: TrainParams,
    runtime: RuntimeParams,
    processes: Processes,
    stack: ExitStack,
) -> BatchLoader:
    """The training split, where there is room for it; `stack` closes it."""
    num, size = meta["num_samples"]["train"], meta["image_size"]
    if num == 0:
        raise ValueError(f"{crop_dir}/train holds no photos: keep more, or change the split")
    device, stored = processes.device, params.holes == "stored"
    # Three bytes a pixel, and one of the mask where the stored holes are trained on.
    shards = shards_of(crop_dir, "train")
    order = Order(params.seed, shard_sizes(num, meta["samples_per_shard"]))
    num_bytes = num * size**2 * (4 if stored else 3)
    place = choose_feeding(runtime.feeding, num_bytes, device)
    if processes.is_main:
        where = {"device": f"in the memory of {device}", "host": "in memory", "stream": "streamed"}
        say(f"train: {num:,} photos, {num_bytes / 1e6:,.0f} MB {where[place]}")
    photos: TrainingPhotos
    if place == "stream":
        threads = num_threads(runtime.threads)
        photos = streamed = StreamedPhotos(
            shards, order, size, device, stored_holes=stored, threads=threads
        )
        stack.callback(streamed.close)
    else:
        loaded = load_photos(shards, num, size, stored_holes=stored)
        photos = ResidentPhotos(loaded.to(device) if place == "device" else loaded, order, device)
    fresh = HoleCutter.of_meta(meta) if not stored else None
    share = (processes.rank, processes.num)
    return BatchLoader(photos, params.seed, params.batch_size, params.flip, fresh, *share)
