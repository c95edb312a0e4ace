"""Measures how copies of photos are found: edits, false alarms, growth. `bench/duplicates.py`.

Edits of photos are planted, so that it is known what is a copy; the pairs of copies_in_scenes.csv
were found among the shared photos and looked at. Beside the hash that groups near copies before the
split stands the descriptor by which leaks over splits are counted. Skips the photos where the
shared ones are absent.
"""

import argparse
import csv
import io
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pipeline.duplicates.descriptors import descriptor, mirrored, shrunk  # noqa: E402
from pipeline.duplicates.leaks import SIMILARITY, find_leaks  # noqa: E402
from pipeline.duplicates.near_copies import group_near_copies  # noqa: E402
from pipeline.photos.decoding import decode  # noqa: E402

HASH_BITS = 6  # as in params.yaml filter_people.near_copy_bits
GROWTH = (20_000, 200_000, 1_800_000)

Edit = Callable[[Image.Image], Image.Image]


def main() -> None:
    options = _options()
    shared = Path(os.environ.get("SCENEFILL_SHARED", HERE.parent.parent / "shared")) / "data"
    if (shared / "scenes").is_dir():
        print(recall_table(shared, options.photos))
        print(false_alarm_lines(shared))
    else:
        print(f"skipped: no photos in {shared} (set SCENEFILL_SHARED)")
    print(growth_table(GROWTH[: options.rungs]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=300, help="that are edited")
    parser.add_argument("--rungs", type=int, default=3, help="of the growth: 20k, 200k, 1.8M")
    return parser.parse_args()


# Edits


def saved(image: Image.Image, quality: int = 85) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def cut(image: Image.Image, left: float, right: float) -> Image.Image:
    """Without those shares of the width and height at the upper left and the lower right."""
    width, height = image.size
    box = (left * width, left * height, (1 - right) * width, (1 - right) * height)
    return saved(image.resize(image.size, Image.Resampling.BICUBIC, box=box))


def with_caption(image: Image.Image) -> Image.Image:
    image = image.copy()
    width, height = image.size
    ImageDraw.Draw(image).rectangle((0.7 * width, 0.9 * height, width, height), fill="white")
    return saved(image)


EDITS: dict[str, Edit] = {
    "JPEG quality 30": lambda image: saved(image, 30),
    "half the size": lambda image: saved(image.resize((image.width // 2, image.height // 2))),
    "grey": lambda image: saved(image.convert("L").convert("RGB")),
    "30 % brighter": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.3)),
    "50 % more contrast": lambda image: saved(ImageEnhance.Contrast(image).enhance(1.5)),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(image.width / 100)),
    "mirrored": lambda image: saved(ImageOps.mirror(image)),
    "2 % cut off each side": lambda image: cut(image, 0.02, 0.02),
    "4 % cut off each side": lambda image: cut(image, 0.04, 0.04),
    "5 % cut off two sides": lambda image: cut(image, 0.0, 0.05),
    "10 % cut off two sides": lambda image: cut(image, 0.0, 0.1),
    "caption in a corner": with_caption,
    "frame of 4 %": lambda image: saved(ImageOps.expand(image, image.width // 25, "black")),
}


# Tables


def recall_table(shared: Path, num_photos: int) -> str:
    """Share of the copies that each measure finds."""
    pairs = known_pairs(shared)
    copies = {name for pair in pairs for name in pair}
    paths = [path for path in landscapes(shared) if str(path.relative_to(shared)) not in copies]
    chosen = np.random.default_rng(0).choice(len(paths), num_photos, replace=False)
    photos = [read(paths[number]) for number in sorted(chosen)]
    lines = ["| copies | number | by the hash | by the descriptor |", "|---|---|---|---|"]
    known = [(read(shared / one), read(shared / other)) for one, other in pairs]
    lines.append(_row("known pairs", known))
    for name, edit in EDITS.items():
        lines.append(_row(name, [(photo, edit(photo)) for photo in photos]))
    return "\n".join(lines)


def _row(name: str, pairs: list[tuple[Image.Image, Image.Image]]) -> str:
    pairs = [(shrunk(one), shrunk(other)) for one, other in pairs]
    by_hash = [imagehash.phash(one) - imagehash.phash(other) <= HASH_BITS for one, other in pairs]
    by_descriptor = [similarity(one, other) >= SIMILARITY for one, other in pairs]
    shares = " | ".join(f"{np.mean(found):.1%}" for found in (by_hash, by_descriptor))
    return f"| {name} | {len(pairs)} | {shares} |"


def similarity(one: Image.Image, other: Image.Image) -> float:
    """The better of as it is and mirrored."""
    first, second = descriptor(one), descriptor(other)
    turned = mirrored(second[None])[0]
    return max(_cosine(first, second), _cosine(first, turned))


def _cosine(first: np.ndarray, second: np.ndarray) -> float:
    one, other = first.astype(float), second.astype(float)
    return float(one @ other / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-9))


def false_alarm_lines(shared: Path) -> str:
    """Pairs of different landscapes that are taken for copies, of all pairs there are."""
    second_of_pairs = {pair[1] for pair in known_pairs(shared)}
    paths = landscapes(shared)
    paths = [path for path in paths if str(path.relative_to(shared)) not in second_of_pairs]
    photos = [shrunk(read(path)) for path in paths]
    hashes = np.array([int(str(imagehash.phash(photo)), 16) for photo in photos], dtype=np.uint64)
    descriptors = np.array([descriptor(photo) for photo in photos])
    by_hash = sum(
        int((np.bitwise_count(hashes[number] ^ hashes[number + 1 :]) <= HASH_BITS).sum())
        for number in range(len(hashes))
    )
    by_descriptor = int(np.triu(_all_similarities(descriptors) >= SIMILARITY, 1).sum())
    num_pairs = len(photos) * (len(photos) - 1) // 2
    return (
        f"\n{num_pairs:,} pairs of {len(photos):,} different landscapes: taken for copies "
        f"by the hash {by_hash}, by the descriptor {by_descriptor}\n"
    )


def _all_similarities(descriptors: np.ndarray) -> np.ndarray:
    def units(values: np.ndarray) -> np.ndarray:
        values = values.astype(np.float32)
        return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)

    plain = units(descriptors)
    return np.maximum(plain @ plain.T, plain @ units(mirrored(descriptors)).T)


def growth_table(numbers: tuple[int, ...]) -> str:
    """Comparisons a photo, for random hashes and descriptors with one in a hundred a copy."""
    lines = ["| photos | grouping: compared a photo | s | leaks: compared a photo | s |"]
    lines.append("|---|---|---|---|---|")
    random = np.random.default_rng(0)
    for num in numbers:
        hashes = random.integers(0, 2**64, num, dtype=np.uint64)
        hashes[: num // 100] = hashes[-(num // 100) :] ^ np.uint64(0b101)
        begun = time.perf_counter()
        near = group_near_copies(hashes, HASH_BITS)
        grouping = time.perf_counter() - begun
        # Of 1.8 million random hashes some seven pairs are close by chance.
        assert 0 <= num - num // 100 - len(np.unique(near.groups)) < 50
        descriptors = random.integers(-30, 31, (num, 63), dtype=np.int8)
        descriptors[: num // 100] = descriptors[-(num // 100) :]
        splits = ["train"] * (num - num // 100) + ["test"] * (num // 100)
        begun = time.perf_counter()
        leaks = find_leaks(descriptors, splits)
        seconds = time.perf_counter() - begun
        assert len(leaks.pairs) == num // 100
        cells = [f"{near.num_compared / num:.0f}", f"{grouping:.1f}"]
        cells += [f"{leaks.num_compared / num:.0f}", f"{seconds:.1f}"]
        lines.append(f"| {num:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


# Photos


def known_pairs(shared: Path) -> list[tuple[str, str]]:
    """Paths below the shared data."""
    with (HERE / "copies_in_scenes.csv").open() as file:
        return [(row["photo"], row["copy"]) for row in csv.DictReader(file)]


def landscapes(shared: Path) -> list[Path]:
    folders = ("scenes", "landscapes256", "duplicates")
    return sorted(path for folder in folders for path in (shared / folder).rglob("*.jpg"))


def read(path: Path) -> Image.Image:
    return decode(path.read_bytes())


if __name__ == "__main__":
    main()
