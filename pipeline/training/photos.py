"""The training photos where there is room for them: on the device, in host memory, in the shards.

Whichever it is, a batch has the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psutil
import torch
from torch import Tensor

from pipeline.shards.reader import (
    Shard,
    ShardFolder,
    box_of,
    image_of,
    mask_of,
    read_fields,
    shards_of,
)
from pipeline.training.order import Numbers, Order

# Red, green, blue in [-1, 1].
Color = tuple[float, float, float]

# Of the free memory; the rest is for the networks and for others.
MEMORY_SHARE = 0.5


@dataclass(frozen=True)
class Holes:
    """Stored holes."""

    masks: Tensor  # (N, 1, S, S) bool, True = pixels to complete
    boxes: Tensor  # (N, 4) int64


@dataclass(frozen=True)
class Photos:
    """Photos in memory."""

    images: Tensor  # (N, S, S, 3) uint8
    holes: Holes | None  # None where fresh ones take their place

    def __getitem__(self, rows: Tensor) -> "Photos":
        """The photos of `rows`, in that order."""
        holes = self.holes and Holes(self.holes.masks[rows], self.holes.boxes[rows])
        return Photos(self.images[rows], holes)

    def to(self, device: torch.device) -> "Photos":
        """The same photos on `device`."""
        holes = self.holes and Holes(upload(self.holes.masks, device), self.holes.boxes.to(device))
        return Photos(upload(self.images, device), holes)


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """To `device`, not waiting for a GPU to have it."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        # Pinned, since copies from pageable memory block the host whatever is asked for.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


class TrainingPhotos(Protocol):
    """The photos of the training split, by their position in the order."""

    def take(self, positions: Numbers) -> Photos:
        """On the training device, in the order of `positions`, which ascend."""


@dataclass(frozen=True)
class ResidentPhotos:
    """All of them, decoded once, in the memory of the device or of the host."""

    photos: Photos  # in shard order
    order: Order
    device: torch.device  # that trains

    def take(self, positions: Numbers) -> Photos:
        """See TrainingPhotos."""
        # Gathered where the photos lie: 8 bytes a photo go to the device, not 12 KB.
        rows = torch.from_numpy(self.order.photos(positions))
        return self.photos[upload(rows, self.photos.images.device)].to(self.device)


def load_photos(
    shards: Sequence[Shard], num: int, image_size: int, *, stored_holes: bool, every: int = 1
) -> Photos:
    """Every `every`-th of the `num` samples in `shards`, decoded."""
    count = len(range(0, num, every))
    images = torch.empty((count, image_size, image_size, 3), dtype=torch.uint8)
    masks = torch.empty((count, 1, image_size, image_size), dtype=torch.bool)
    boxes = torch.empty((count, 4), dtype=torch.int64)
    seen = 0
    for seen, fields in enumerate(read_fields(shards), start=1):
        row, rest = divmod(seen - 1, every)
        assert seen <= num, f"{shards[0].parent} holds more than its {num} samples"
        if rest:
            continue
        images[row] = torch.from_numpy(image_of(fields))
        if stored_holes:
            masks[row, 0] = torch.from_numpy(mask_of(fields))
            boxes[row] = torch.tensor(box_of(fields))
    assert seen == num, f"{shards[0].parent} holds {seen} of its {num} samples"
    return Photos(images, Holes(masks, boxes) if stored_holes else None)


def shard_sizes(num: int, per_shard: int) -> tuple[int, ...]:
    """Photos in each shard: all are full but the last."""
    full, rest = divmod(num, per_shard)
    return (per_shard,) * full + ((rest,) if rest else ())


def mean_color(crop_dir: ShardFolder, meta: dict[str, Any]) -> Color:
    """Of the training photos in `crop_dir`, with which some systems fill the hole.

    Over the first shard alone: the shards were filled in random order.
    """
    first = shards_of(crop_dir, "train")[:1]
    num, *_ = shard_sizes(meta["num_samples"]["train"], meta["samples_per_shard"])
    photos = load_photos(first, num, meta["image_size"], stored_holes=False)
    red, green, blue = (photos.images.double().mean(dim=(0, 1, 2)) / 127.5 - 1).tolist()
    return red, green, blue


def choose_feeding(requested: str, num_bytes: int, device: torch.device) -> str:
    """`device`, `host` or `stream`: for `auto` the first that has room for `num_bytes`.

    Without memory of its own a device is fed from the host's. A place asked for by name that has
    no room is an error.
    """
    places = ("device", "host") if device.type == "cuda" else ("host",)
    rooms = {place: _free_bytes(place, device) for place in places}
    if requested == "stream":
        return "stream"
    if requested == "auto":
        fits = (place for place in places if num_bytes <= MEMORY_SHARE * rooms[place])
        return next(fits, "stream")
    place = requested if requested in rooms else "host"
    if num_bytes > rooms[place]:
        raise ValueError(
            f"params.yaml runtime.feeding is {requested!r}, but the training photos need "
            f"{num_bytes / 1e6:,.0f} MB and {rooms[place] / 1e6:,.0f} MB are free: write auto or "
            "stream"
        )
    return place


def _free_bytes(place: str, device: torch.device) -> int:
    if place == "device":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
