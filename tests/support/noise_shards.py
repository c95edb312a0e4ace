"""Shards of smooth noise for tests, as the stage `crop` leaves them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.photos.png import encode_png
from pipeline.shards.writer import ShardWriter
from support.cutters import cutter

PER_SHARD = 4
# Box 20 and not 16: oneDNN's bf16 gradient of a 5x5 convolution over a 1x1 map is garbage.
HOLES = cutter("box", image_size=32, box_size=20, side_min=10, side_max=12)


def write_shards(folder: Path, counts: dict[str, int]) -> Path:
    """`counts` samples of each split, and meta.json; returns `folder`."""
    for split, num in counts.items():
        write_split(folder, split, num)
    meta = {"image_size": 32, "box_size": 20, "kind": "box", "num_samples": counts}
    meta |= {"holes": HOLES.options.model_dump(), "samples_per_shard": PER_SHARD}
    meta |= {"sha256": {split: split for split in counts}}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def write_split(folder: Path, split: str, num: int) -> None:
    """`num` samples of smooth noise, PER_SHARD a shard."""
    rng = np.random.default_rng(num)
    (folder / split).mkdir(parents=True)
    for first in range(0, num, PER_SHARD):
        path = folder / split / f"{split}-{first // PER_SHARD:06d}.tar"
        write_shard(path, split, range(first, min(first + PER_SHARD, num)), rng)


def write_shard(path: Path, split: str, numbers: range, rng: np.random.Generator) -> None:
    with ShardWriter(path) as writer:
        for number in numbers:
            coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            key = f"photo-{number:03d}"
            masks, rectangles, boxes = HOLES.cut(f"{split}/{key}", 1)
            facts = {"holes": rectangles[0].tolist(), "box": boxes[0].tolist()}
            facts |= {"category": "field", "path": f"/{key}.jpg"}
            fields = {
                "image.png": encode_png(coarse.resize((32, 32))),
                "mask.png": encode_png(Image.fromarray(masks[0])),
                "json": json.dumps(facts).encode(),
            }
            writer.add(key, fields)
