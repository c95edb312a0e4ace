"""Stage: small shards + splits -> final shards with holes and a box a sample."""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.holes.cutter import HoleCutter, hole_kind, hole_path
from pipeline.holes.options import HoleOptions
from pipeline.params.crop import CropParams
from pipeline.params.runtime import RuntimeParams, workers_of
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.photos.decoding import pixels
from pipeline.photos.keys import shuffle_numbers
from pipeline.photos.photo_bytes import read_at
from pipeline.photos.png import encode_png
from pipeline.runtime.checksums import SHARD_SUMS, recorded_sum, write_sums
from pipeline.runtime.progress import progress
from pipeline.runtime.scratch import publish, require_space, scratch
from pipeline.runtime.workers import MakePart, Workers, at_most, at_photo, run_parts
from pipeline.shards.rectangle import Rectangle
from pipeline.shards.writer import ShardWriter, shard_name

SPLITS = ("train", "val", "test")
# Samples whose rows are held while their shards are made: some 30 MB.
ROWS_AT_ONCE = 65_536


def run(data: Path = Path("data")) -> None:
    """Writes data/crop/train/, val/, test/, each with its shards and their sums, and meta.json."""
    params = load("crop", CropParams)
    options = load(f"holes.{params.kind}", hole_kind(params.kind).OPTIONS)
    runtime = load("runtime", RuntimeParams)
    downscaled, splits_path = data / "downscale", data / "filter_people" / "splits.parquet"
    inputs = [downscaled / "manifest.parquet", downscaled / "shards", splits_path]
    with scratch(
        "crop",
        params={"crop": params.model_dump(), "options": options.model_dump()},
        code=["pipeline/stages/crop.py", hole_path(params.kind)],
        inputs=inputs,
    ) as folder:
        crop(downscaled, splits_path, folder, params, options, workers_of(runtime))
        for name in (*SPLITS, "meta.json"):
            publish(folder / name, data / "crop" / name)


def crop(
    downscaled: Path,
    splits_path: Path,
    folder: Path,
    params: CropParams,
    options: HoleOptions,
    workers: Workers,
) -> None:
    """Writes all outs into `folder`; `options` are those of the kind.

    `downscaled` holds manifest.parquet and shards/.
    """
    samples = partial(_samples, downscaled, splits_path)
    num_bytes = sum(int(piece["size"].sum()) for piece in samples())
    require_space(folder, int(1.4 * num_bytes), "cutting the holes")
    # The first image tells its size, since this stage tracks no params of `downscale`.
    first = next(photo_tables.rows(next(piece for piece in samples() if len(piece))))
    image_size = int(pixels(_png(downscaled / "shards", first)).shape[0])
    params.check_sizes(image_size)
    options.check_sizes(image_size, params.box_size)
    cutter = HoleCutter(params.kind, options, image_size, params.box_size)
    counts, rank = ranks(samples(), params.seed)
    parts = _parts(downscaled / "shards", samples, counts, rank, params, cutter)
    with progress("crop", len(rank), "samples") as advance:
        num_shards = sum(-(-num // params.samples_per_shard) for num in counts.values())
        made = run_parts(folder / "parts", parts, advance, at_most(workers, num_shards), __name__)
    sums: dict[str, dict[str, str]] = {split: {} for split in SPLITS}
    for part in made:
        split = part.name.split("-")[0]
        publish(part / part.name, folder / split / part.name)
        sums[split][part.name] = (part / "sha256").read_text()
    for split in SPLITS:
        (folder / split).mkdir(exist_ok=True)
        write_sums(folder / split / SHARD_SUMS, sums[split])
    meta = _meta(folder, counts, params, cutter)
    (folder / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


def _samples(downscaled: Path, splits_path: Path) -> Iterator[pd.DataFrame]:
    """key, category, path, shard, offset, size, split of every photo that was large enough."""
    manifest = downscaled / "manifest.parquet"
    assert photo_tables.num_rows(manifest) == photo_tables.num_rows(splits_path), "all have a split"
    tables = photo_tables.read_pieces(manifest), photo_tables.read_pieces(splits_path)
    for photos, splits in zip(*tables, strict=True):
        assert list(photos["key"]) == list(splits["key"]), "in the same order"
        samples = photos.assign(split=splits["split"])
        yield samples[samples["status"] == "ok"].drop(columns="status")


def _png(shards: Path, sample: Any) -> bytes:
    with (shards / sample.shard).open("rb", buffering=0) as file:
        return read_at(file, sample.offset, sample.size)


def ranks(samples: Iterable[pd.DataFrame], seed: int) -> tuple[dict[str, int], np.ndarray]:
    """How many samples each split has, and for each sample its rank: by split, then by hash.

    Shuffled by hash, so that a reader of whole shards meets all categories in each. Twelve bytes a
    sample are all that is held of all of them at once.
    """
    numbers = {split: number for number, split in enumerate(SPLITS)}
    pieces = [
        (piece["split"].map(numbers).to_numpy(np.uint8), shuffle_numbers(piece["key"], seed=seed))
        for piece in samples
    ]
    split, shuffled = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    rank = np.empty(len(split), np.uint32)
    rank[np.lexsort((shuffled, split))] = np.arange(len(split), dtype=np.uint32)
    counts = np.bincount(split, minlength=len(SPLITS))
    return dict(zip(SPLITS, counts.tolist(), strict=True)), rank


def _parts(
    shards: Path,
    samples: Callable[[], Iterable[pd.DataFrame]],
    counts: dict[str, int],
    rank: np.ndarray,
    params: CropParams,
    cutter: HoleCutter,
) -> Iterator[tuple[str, MakePart]]:
    """The plan: which samples stand in which shard.

    The table is read once for every ROWS_AT_ONCE samples: to hold it all would take memory that
    grows with the number of photos.
    """
    first = 0
    for split, count in counts.items():
        at_once = max(ROWS_AT_ONCE // params.samples_per_shard, 1) * params.samples_per_shard
        number = 0
        for start in range(0, count, at_once):
            last = first + min(start + at_once, count)
            chosen, done = [], 0
            for piece in samples():
                ranked = piece.assign(rank=rank[done : done + len(piece)])
                chosen.append(ranked[(ranked["rank"] >= first + start) & (ranked["rank"] < last)])
                done += len(piece)
            by_rank = pd.concat(chosen).sort_values("rank").drop(columns="rank")
            for rows in photo_tables.regroup([by_rank], params.samples_per_shard):
                name = shard_name(split, number)
                yield name, partial(_make_shard, name, shards, rows, params.seed, cutter)
                number += 1
        first += count


def _make_shard(
    name: str,
    shards: Path,
    samples: pd.DataFrame,
    seed: int,
    cutter: HoleCutter,
    folder: Path,
) -> int:
    """One tar of the samples, and its sum."""
    with ShardWriter(folder / name) as writer:
        for sample in photo_tables.rows(samples):
            with at_photo(sample):
                png = _png(shards, sample)
                writer.add(sample.key, _fields(png, sample, seed, cutter))
    (folder / "sha256").write_text(writer.sha256)
    return len(samples)


def _fields(png: bytes, sample: Any, seed: int, cutter: HoleCutter) -> dict[str, bytes]:
    """The sample's members; the image is passed through byte for byte."""
    masks, holes, boxes = cutter.cut(f"{seed}/hole/{sample.split}/{sample.key}", 1)
    box = Rectangle(*boxes[0].tolist())
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
        "mask.png": encode_png(masks[0]),
        "box.png": encode_png(pixels(png)[box.rows, box.columns]),
        "json": json.dumps(facts).encode(),
    }


def _meta(
    folder: Path, counts: dict[str, int], params: CropParams, cutter: HoleCutter
) -> dict[str, Any]:
    """What a reader has to know; the sums make it the data set's identity."""
    return {
        "image_size": cutter.image_size,
        "kind": cutter.kind,
        "holes": cutter.options.model_dump(),
        "box_size": cutter.box_size,
        "samples_per_shard": params.samples_per_shard,
        "num_samples": counts,
        "sha256": {split: recorded_sum(folder / split) for split in SPLITS},
    }
