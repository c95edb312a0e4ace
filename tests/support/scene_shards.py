"""Shards of scenes for tests, painted or real, with categories that can be told apart."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.photos.png import encode_png
from pipeline.shards.writer import ShardWriter
from support.cutters import cutter

SIZE, BOX = 64, 28
HOLES = cutter("box", image_size=SIZE, box_size=BOX)

# Lowest and highest red, green, blue of seas and of woods; they overlap.
TINTS = (((60, 80, 110), (130, 150, 180)), ((80, 100, 60), (150, 170, 130)))

# Category and HWC uint8.
Scene = tuple[str, np.ndarray]


def painted_scenes(num: int, seed: int = 0) -> list[Scene]:
    """Seas of bands and woods of trunks in turn, in colours of their own, with some grain."""
    rng = np.random.default_rng(seed)
    return [(("sea", "wood")[number % 2], _painted(rng, number % 2)) for number in range(num)]


def _painted(rng: np.random.Generator, direction: int) -> np.ndarray:
    knots = np.linspace(0, SIZE - 1, 12)
    profile = [np.interp(np.arange(SIZE), knots, rng.uniform(-1, 1, 12)) for _ in range(3)]
    bands = np.repeat(np.stack(profile, axis=1)[:, None], SIZE, axis=1)
    light = np.linspace(60, -60, SIZE)[:, None, None]  # above it is brighter
    shape = bands if direction == 0 else bands.transpose(1, 0, 2)
    tint = rng.uniform(*TINTS[direction])
    grain = rng.normal(0, 12, (SIZE, SIZE, 1))
    levels: np.ndarray = np.clip(tint + 50 * shape + light + grain, 0, 255)
    return levels.astype(np.uint8)


def real_scenes(shared: Path, per_category: int) -> list[Scene]:
    """Photographs in turn of four categories."""
    folders = [shared / "data/scenes" / name for name in ("forest", "glacier", "mountain", "sea")]
    paths = [sorted(folder.iterdir())[:per_category] for folder in folders]
    return [
        (path.parent.name, np.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE))))
        for four in zip(*paths, strict=True)
        for path in four
    ]


def write_scene_shards(folder: Path, splits: Mapping[str, list[Scene]]) -> Path:
    """One shard a split and meta.json, as the stage `crop` leaves them; returns `folder`."""
    for split, scenes in splits.items():
        (folder / split).mkdir(parents=True)
        with ShardWriter(folder / split / f"{split}-000000.tar") as writer:
            for number, (category, image) in enumerate(scenes):
                key = f"photo-{number:04d}"
                masks, rectangles, boxes = HOLES.cut(f"{split}/{key}", 1)
                facts = {"holes": rectangles[0].tolist(), "box": boxes[0].tolist()}
                facts |= {"category": category, "path": f"/{category}/{key}.jpg"}
                fields = {
                    "image.png": encode_png(Image.fromarray(image)),
                    "mask.png": encode_png(Image.fromarray(masks[0])),
                    "json": json.dumps(facts).encode(),
                }
                writer.add(key, fields)
    counts = {split: len(scenes) for split, scenes in splits.items()}
    meta = {"image_size": SIZE, "box_size": BOX, "kind": "box", "num_samples": counts}
    meta |= {"holes": HOLES.options.model_dump(), "samples_per_shard": 10_000}
    meta |= {"sha256": {split: split for split in splits}}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder
