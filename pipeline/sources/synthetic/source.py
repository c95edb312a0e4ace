"""The `synthetic` source: painted photos, some with people or faults, as one Places-like tar.

Photo i is a function of (seed, i) alone; neither the number of photos nor of workers changes it.
"""

import hashlib
import io
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image as PillowImage

from pipeline.params.runtime import RuntimeParams, workers_of
from pipeline.photos.packing import add, new_archive
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.progress import progress
from pipeline.runtime.workers import Workers, in_order
from pipeline.sources.synthetic import exact_images, landscapes, people_cutouts
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.options import SyntheticOptions
from pipeline.sources.synthetic.people_cutouts import Box, Image

OPTIONS = SyntheticOptions

Fault = Literal["none", "exact_copy", "near_copy", "greyscale", "cmyk", "broken"]

SIZE = 256  # px, Places365's small images
_CHUNK = 8  # photos a worker paints at a time, about a quarter of a second
_ROW_GROUP = 8192


@dataclass(frozen=True)
class PhotoPlan:
    """What a photo will be, known without painting it."""

    index: int
    path: str  # inside the tar
    category: str
    fault: Fault
    copy_of: int | None
    has_people: bool


Photo = tuple[bytes, list[Box]]


def _rng(options: SyntheticOptions, index: int, purpose: str) -> Draws:
    """Randomness for one purpose of one photo, the same in every process."""
    name = f"synthetic {options.seed} {index} {purpose}"
    digest = hashlib.sha256(name.encode()).digest()
    return Draws(int.from_bytes(digest[:16]))


def plan(index: int, options: SyntheticOptions) -> PhotoPlan:
    """The plan of photo `index`; cheap."""
    rng = _rng(options, index, "plan")
    fault, category, has_people = _draw(rng, options)
    copy_of = None
    if fault in ("exact_copy", "near_copy"):
        copy_of = _original(rng, index, options)
        if copy_of is None:
            fault = "none"
        else:
            original = plan(copy_of, options)
            category, has_people = original.category, original.has_people
    path = f"data_256/{category}/{index:08d}.jpg"
    return PhotoPlan(index, path, category, fault, copy_of, has_people)


def _draw(rng: Draws, options: SyntheticOptions) -> tuple[Fault, str, bool]:
    """Fault, category and whether there are people, were the photo no copy."""
    category = landscapes.CATEGORIES[int(rng.integers(len(landscapes.CATEGORIES)))]
    has_people = bool(rng.random() < options.people_share)
    shares: tuple[tuple[Fault, float], ...] = (
        ("exact_copy", options.copy_share / 2),
        ("near_copy", options.copy_share / 2),
        ("greyscale", options.greyscale_share),
        ("cmyk", options.cmyk_share),
        ("broken", options.broken_share),
    )
    drawn, total = rng.random(), 0.0
    for fault, share in shares:
        total += share
        if drawn < total:
            return fault, category, has_people and fault != "broken"
    return "none", category, has_people


def _original(rng: Draws, index: int, options: SyntheticOptions) -> int | None:
    """An earlier photo without fault; None where chance finds none, as for the first photo."""
    for _ in range(64 if index else 0):
        earlier = int(rng.integers(index))
        if _draw(_rng(options, earlier, "plan"), options)[0] == "none":
            return earlier
    return None


def encode(index: int, options: SyntheticOptions) -> Photo:
    """The file's bytes and the boxes of its people."""
    planned = plan(index, options)
    if planned.fault == "exact_copy":
        assert planned.copy_of is not None
        return encode(planned.copy_of, options)
    if planned.fault == "near_copy":
        assert planned.copy_of is not None
        image, boxes = _paint(plan(planned.copy_of, options), options)
        return _encode_near_copy(_rng(options, index, "fault"), image, boxes)
    image, boxes = _paint(planned, options)
    if planned.fault == "broken":
        return _broken(index, _jpeg(image)), []
    modes: dict[Fault, str] = {"greyscale": "L", "cmyk": "CMYK"}
    return _jpeg(image, modes.get(planned.fault, "RGB")), boxes


def _paint(planned: PhotoPlan, options: SyntheticOptions) -> tuple[Image, list[Box]]:
    rng = _rng(options, planned.index, "picture")
    image, horizon = landscapes.paint_with_horizon(planned.category, rng, SIZE)
    if not planned.has_people:
        return image, []
    heights = (options.min_person_height, options.max_person_height)
    return people_cutouts.plant(image, _rng(options, planned.index, "people"), horizon, heights)


def _jpeg(image: Image, mode: str = "RGB", quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(image).convert(mode).save(buffer, "JPEG", quality=quality, subsampling=2)
    return buffer.getvalue()


def _encode_near_copy(rng: Draws, image: Image, boxes: list[Box]) -> Photo:
    """Encoded at another quality; half of them lose a few px on every side as well."""
    if rng.random() < 0.5:
        return _jpeg(image, quality=int(rng.integers(60, 84))), boxes
    margin = int(rng.integers(2, 6))
    enlarged = exact_images.enlarge(image[margin:-margin, margin:-margin], SIZE, SIZE)
    cropped = np.clip(enlarged + 0.5, 0, 255).astype(np.uint8)
    return _jpeg(cropped, quality=85), [_cropped(box, margin) for box in boxes]


def _cropped(box: Box, margin: int) -> Box:
    """`box` after `margin` px were cut off on every side and the rest scaled up again."""
    scale = SIZE / (SIZE - 2 * margin)
    edges = (box[0], box[1], box[0] + box[2], box[1] + box[3])
    top, left, bottom, right = (min(max(round((edge - margin) * scale), 0), SIZE) for edge in edges)
    return top, left, bottom - top, right - left


def _broken(index: int, whole: bytes) -> bytes:
    """Cut short, without its header, empty or no image at all, by index."""
    kinds = (
        whole[: len(whole) // 2],
        whole[:2] + bytes(len(whole) - 2),
        b"",
        b"404 Not Found: this is a text file with an image's name\n",
    )
    return kinds[index % len(kinds)]


def write(archive: Path, lists: Path, options: SyntheticOptions, runtime: RuntimeParams) -> str:
    """Paints the photos into the tar `archive`; what they are goes to lists/truth.parquet.

    Returns the tar's sha256.
    """
    with progress("download", options.num_photos, "photos") as advance:
        write_archive(archive, lists / "truth.parquet", options, advance, workers_of(runtime))
    return sha256_of(archive)


def write_archive(
    tar_path: Path,
    truth_path: Path,
    options: SyntheticOptions,
    advance: Callable[[int], None],
    workers: Workers = 1,
) -> None:
    """Write the tar of all photos and the table of what they are; `advance` counts photos done.

    Both are written in place: whoever needs all or nothing gives scratch paths and renames.
    """
    if options.people_share > 0:
        people_cutouts.cutouts()  # a missing asset is told before any work
    plans = sorted((plan(i, options) for i in range(options.num_photos)), key=lambda p: p.path)
    people: list[list[Box]] = []
    with (
        new_archive(tar_path) as tar,
        closing(_photos([p.index for p in plans], options, workers)) as photos,
    ):
        for planned, (data, boxes) in zip(plans, photos, strict=True):
            add(tar, planned.path, data)
            people.append(boxes)
            advance(1)
    _write_truth(truth_path, plans, people, options)


def _write_truth(
    path: Path, plans: list[PhotoPlan], people: list[list[Box]], options: SyntheticOptions
) -> None:
    frame = pd.DataFrame(
        {
            "path": [p.path for p in plans],
            "category": [p.category for p in plans],
            "fault": [p.fault for p in plans],
            "copy_of": [
                None if p.copy_of is None else plan(p.copy_of, options).path for p in plans
            ],
            "num_people": [len(boxes) for boxes in people],
            "people": [[list(box) for box in boxes] for boxes in people],
        }
    )
    schema = pa.schema(
        [(name, pa.string()) for name in ("path", "category", "fault", "copy_of")]
        + [("num_people", pa.int64()), ("people", pa.list_(pa.list_(pa.int64())))]
    )
    frame.to_parquet(path, index=False, schema=schema, row_group_size=_ROW_GROUP)


def _encode_all(indices: list[int], options: SyntheticOptions) -> list[Photo]:
    return [encode(index, options) for index in indices]


def _photos(
    indices: list[int], options: SyntheticOptions, workers: Workers
) -> Generator[Photo, None, None]:
    """Photos in the order of `indices`."""
    starts = range(0, len(indices), _CHUNK)
    chunks = (partial(_encode_all, indices[start : start + _CHUNK], options) for start in starts)
    for photos in in_order(chunks, workers, __name__):
        yield from photos
