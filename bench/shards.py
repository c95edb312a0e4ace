"""Writing and reading shards: ours, webdataset's own, an image folder.

python bench/shards.py --samples 20000 --out shards.md

Writing: final samples of 64 px (image, mask, box, facts), through our ShardWriter and through
webdataset's. Reading: the images of the same shards decoded, through `read_split`, through plain
webdataset, and from a folder of as many PNG files. Everything lies in the page cache.
"""

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import webdataset
from photo_archive import ROOT
from PIL import Image
from rungs import Rounds, Run, emptied, rate, ratio, take

from pipeline.photos.png import encode_png
from pipeline.shards.reader import read_split
from pipeline.shards.writer import ShardWriter, shard_name

SIZE, BOX, HOLE = 64, 28, 22  # px
PER_SHARD = 1000
NUM_PICTURES = 256

Sample = tuple[str, dict[str, bytes]]


def main() -> None:
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        fill_folder(folder / "pictures", options.samples)
        runs: dict[str, Run] = {
            "write: limit, the bytes alone": partial(write_bytes, folder, options.samples),
            "write: webdataset.ShardWriter": partial(write_theirs, folder, options.samples),
            "write: ours": partial(write_ours, folder, options.samples),
            "read: limit, the tars' bytes alone": partial(read_bytes, folder),
            "read: image folder": partial(read_folder, folder / "pictures"),
            "read: webdataset": partial(read_theirs, folder),
            "read: ours, all fields": partial(read_ours, folder, options.samples),
        }
        rounds = take(runs, options.rounds)
    report = table(rounds, options.samples)
    print(report)
    if options.out:
        options.out.write_text(report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=ROOT / ".work/bench", help="on a fast disk")
    parser.add_argument("--out", type=Path, help="also write the table here")
    return parser.parse_args()


def samples(num_samples: int) -> Iterator[Sample]:
    """Samples as `crop` makes them; the images repeat."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (NUM_PICTURES, SIZE, SIZE, 3), dtype=np.uint8)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[20 : 20 + HOLE, 20 : 20 + HOLE] = True
    facts = {"kind": "box", "holes": [[20, 20, HOLE, HOLE]], "box": [17, 17, BOX, BOX]}
    fields = [
        {
            "image.png": encode_png(picture),
            "mask.png": encode_png(mask),
            "box.png": encode_png(picture[17 : 17 + BOX, 17 : 17 + BOX]),
        }
        for picture in pictures
    ]
    for number in range(num_samples):
        path = f"data_256/forest/{number:08d}.jpg"
        about = json.dumps({**facts, "category": "forest", "path": path, "split": "train"})
        key = f"data_256-forest-{number:08d}_2ejpg-00334194"
        yield key, {**fields[number % NUM_PICTURES], "json": about.encode()}


def fill_folder(folder: Path, num_samples: int) -> None:
    folder.mkdir()
    for key, fields in samples(num_samples):
        (folder / f"{key}.png").write_bytes(fields["image.png"])


def write_bytes(folder: Path, num_samples: int) -> float:
    """No tar: every field's bytes one after the other."""
    all_samples = list(samples(num_samples))
    started = time.perf_counter()
    with (folder / "bytes").open("wb", buffering=2**20) as file:
        for _, fields in all_samples:
            for data in fields.values():
                file.write(data)
    return time.perf_counter() - started


def write_ours(folder: Path, num_samples: int) -> float:
    all_samples = list(samples(num_samples))
    out = emptied(folder / "train")
    started = time.perf_counter()
    for number in range(0, num_samples, PER_SHARD):
        with ShardWriter(out / shard_name("train", number // PER_SHARD)) as shard:
            for key, fields in all_samples[number : number + PER_SHARD]:
                shard.add(key, fields)
    return time.perf_counter() - started


def write_theirs(folder: Path, num_samples: int) -> float:
    all_samples = list(samples(num_samples))
    out = emptied(folder / "theirs")
    started = time.perf_counter()
    with webdataset.ShardWriter(str(out / "%06d.tar"), maxcount=PER_SHARD, verbose=0) as writer:
        for key, fields in all_samples:
            writer.write({"__key__": key, **fields})
    return time.perf_counter() - started


def read_bytes(folder: Path) -> float:
    started = time.perf_counter()
    for path in sorted((folder / "train").glob("*.tar")):
        path.read_bytes()
    return time.perf_counter() - started


def read_folder(folder: Path) -> float:
    """As an image folder's data set does: list, open, decode."""
    started = time.perf_counter()
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            np.asarray(image)
    return time.perf_counter() - started


def read_theirs(folder: Path) -> float:
    """The image alone, with Pillow."""
    shards = [str(path) for path in sorted((folder / "train").glob("*.tar"))]
    started = time.perf_counter()
    for fields in webdataset.WebDataset(shards, shardshuffle=False, empty_check=False):
        np.asarray(Image.open(io.BytesIO(fields["image.png"])))
    return time.perf_counter() - started


def read_ours(folder: Path, num_samples: int) -> float:
    """Image, mask and facts."""
    started = time.perf_counter()
    num_read = sum(1 for _ in read_split(folder, "train"))
    assert num_read == num_samples
    return time.perf_counter() - started


def table(rounds: Rounds, num_samples: int) -> str:
    lines = [
        f"{num_samples:,} samples, {len(rounds)} rounds, {os.cpu_count()} cores, one process\n",
        "| rung | samples/s | of its limit |",
        "| --- | --- | --- |",
    ]
    for name in rounds[0]:
        limit = next(other for other in rounds[0] if other.startswith(f"{name.split(':')[0]}: lim"))
        share = ratio(rounds, limit, name)
        lines.append(f"| {name} | {rate(rounds, name, num_samples):,.0f} | {share:.2f} |")
    for ours, peer in (
        ("write: ours", "write: webdataset.ShardWriter"),
        ("read: ours, all fields", "read: webdataset"),
        ("read: ours, all fields", "read: image folder"),
    ):
        lines.append(f"\n{ours}: {ratio(rounds, peer, ours):.2f} times {peer}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
