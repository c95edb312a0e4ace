"""Stage: small shards + splits -> final shards with holes and a box a sample."""

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from pipeline import manifests
from pipeline.checksums import SHARD_SUMS, recorded_sum, write_sums
from pipeline.engine import MakePart, run_parts
from pipeline.hole_cutter import HoleCutter, hole_kind, hole_path
from pipeline.keys import shuffled
from pipeline.params.crop import CropParams
from pipeline.params.hole_options import HoleOptions
from pipeline.params.section import load
from pipeline.photos import encode_png, read_at
from pipeline.progress import Advance, progress
from pipeline.rectangle import Rectangle
from pipeline.resume import publish, require_space, scratch
from pipeline.shard_writer import ShardWriter, shard_name

SPLITS = ("train", "val", "test")


def run(data: Path = Path("data")) -> None:
    """Writes data/crop/train/, val/, test/ and meta.json."""
    params = load("crop", CropParams)
    options = load(f"holes.{params.kind}", hole_kind(params.kind).OPTIONS)
    downscaled, splits_path = data / "downscale", data / "filter_people" / "splits.parquet"
    inputs = [downscaled / "manifest.parquet", downscaled / "shards", splits_path]
    samples = _samples(downscaled, manifests.read(splits_path))
    with scratch(
        "crop",
        params={"crop": params.model_dump(), "options": options.model_dump()},
        code=["pipeline/stages/crop.py", hole_path(params.kind)],
        inputs=inputs,
    ) as folder:
        require_space(folder, int(1.4 * samples["size"].sum()), "cutting the holes")
        crop(downscaled / "shards", samples, folder, params, options)
        for name in (*SPLITS, "meta.json"):
            publish(folder / name, data / "crop" / name)


def _samples(downscaled: Path, splits: pd.DataFrame) -> pd.DataFrame:
    """key, category, path, shard, offset, size, split of every photo that was large enough."""
    manifest = manifests.read(downscaled / "manifest.parquet")
    manifest = manifest[manifest["status"] == "ok"].drop(columns="status")
    samples = manifest.merge(splits, on="key", validate="one_to_one")
    assert len(samples) == len(manifest), "every downscaled photo has a split"
    return samples


def crop(
    shards: Path, samples: pd.DataFrame, folder: Path, params: CropParams, options: HoleOptions
) -> None:
    """Writes all outs into `folder`; `samples` as from `_samples`, `options` those of the kind."""
    image_size = _image_size(shards, samples)
    params.check_sizes(image_size)
    options.check_sizes(image_size, params.box_size)
    cutter = HoleCutter(params.kind, options, image_size, params.box_size)
    parts = dict(_parts(shards, samples, params, cutter))
    with progress("crop", len(samples), "samples") as advance:
        made = run_parts(folder / "parts", parts, advance)
    for split in SPLITS:
        (folder / split).mkdir(exist_ok=True)
    for part in made:
        publish(part / part.name, folder / part.name.split("-")[0] / part.name)
    for split in SPLITS:
        write_sums(folder / split / SHARD_SUMS, (folder / split).glob("*.tar"))
    meta = _meta(folder, samples, params, cutter)
    (folder / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


def _image_size(shards: Path, samples: pd.DataFrame) -> int:
    """px; read from the first picture, since this stage tracks no params of `downscale`."""
    first = samples.iloc[0]
    with (shards / first["shard"]).open("rb") as file:
        image = Image.open(io.BytesIO(read_at(file, int(first["offset"]), int(first["size"]))))
    return image.width


def _parts(
    shards: Path, samples: pd.DataFrame, params: CropParams, cutter: HoleCutter
) -> Iterator[tuple[str, MakePart]]:
    """The plan: which samples stand in which shard.

    Shuffled by hash, so that a reader of whole shards meets all categories in each.
    """
    for split in SPLITS:
        chosen = samples[samples["split"] == split].set_index("key", drop=False)
        keys = shuffled(chosen["key"], seed=params.seed)
        for number, start in enumerate(range(0, len(keys), params.samples_per_shard)):
            rows = chosen.loc[keys[start : start + params.samples_per_shard]]
            name = shard_name(split, number)
            yield name, partial(_make_shard, name, shards, rows, params.seed, cutter)


def _make_shard(
    name: str,
    shards: Path,
    samples: pd.DataFrame,
    seed: int,
    cutter: HoleCutter,
    folder: Path,
    advance: Advance,
) -> None:
    files = {shard: (shards / shard).open("rb") for shard in sorted(samples["shard"].unique())}
    try:
        with ShardWriter(folder / name) as writer:
            for sample in manifests.rows(samples):
                png = read_at(files[sample.shard], sample.offset, sample.size)
                writer.add(sample.key, _fields(png, sample, seed, cutter))
                advance(1)
    finally:
        for file in files.values():
            file.close()


def _fields(png: bytes, sample: Any, seed: int, cutter: HoleCutter) -> dict[str, bytes]:
    """The sample's members; the picture is passed through byte for byte."""
    masks, holes, boxes = cutter.cut(f"{seed}/hole/{sample.split}/{sample.key}", 1)
    box = Rectangle(*boxes[0].tolist())
    corners = (box.left, box.top, box.left + box.width, box.top + box.height)
    facts = {
        "kind": cutter.kind,
        "holes": holes[0].tolist(),
        "box": box,
        "category": sample.category,
        "path": sample.path,
        "split": sample.split,
    }
    return {
        "image.png": png,
        "mask.png": encode_png(Image.fromarray(masks[0])),
        "box.png": encode_png(Image.open(io.BytesIO(png)).crop(corners)),
        "json": json.dumps(facts).encode(),
    }


def _meta(
    folder: Path, samples: pd.DataFrame, params: CropParams, cutter: HoleCutter
) -> dict[str, Any]:
    """What a reader has to know; the sums make it the data set's identity."""
    counts = samples["split"].value_counts()
    return {
        "image_size": cutter.image_size,
        "kind": cutter.kind,
        "holes": cutter.options.model_dump(),
        "box_size": cutter.box_size,
        "samples_per_shard": params.samples_per_shard,
        "num_samples": {split: int(counts.get(split, 0)) for split in SPLITS},
        "sha256": {split: recorded_sum(folder / split) for split in SPLITS},
    }
