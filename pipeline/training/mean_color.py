"""The mean colour of the training photos, with which some systems fill the hole."""

from pathlib import Path
from typing import Any

from pipeline.shards.reader import shards_of
from pipeline.training.photos import load_photos, shard_sizes

Color = tuple[float, float, float]


def mean_color(crop_dir: Path, meta: dict[str, Any]) -> Color:
    """Red, green, blue in [-1, 1], over the first shard: the photos are in random order."""
    first = shards_of(crop_dir, "train")[:1]
    num, *_ = shard_sizes(meta["num_samples"]["train"], meta["samples_per_shard"])
    photos = load_photos(first, num, meta["image_size"], stored_holes=False)
    red, green, blue = (photos.images.double().mean(dim=(0, 1, 2)) / 127.5 - 1).tolist()
    return red, green, blue
