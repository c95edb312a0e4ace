"""Stage: selected photos -> every person box at or above a low floor, hashes, size and status.

Expensive and done once; what counts as a person is decided by `filter_people`, in seconds.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from pipeline import manifests
from pipeline.descriptors import as_text, descriptor
from pipeline.devices import choose_device, num_threads
from pipeline.engine import run_parts
from pipeline.params.detect_people import DetectPeopleParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.photos import BrokenPhotoError, decode, read_at
from pipeline.progress import Advance, progress
from pipeline.resume import publish, scratch, work_dir

PHOTOS_PER_PART = 512

# Pictures (HWC uint8) -> for each its boxes: (score, top, left, height, width), best first.
Boxes = list[tuple[float, float, float, float, float]]
Detect = Callable[[Sequence[np.ndarray]], list[Boxes]]


def run(data: Path = Path("data")) -> None:
    """Writes data/detect_people/people.parquet, a row a selected photo, in the same order."""
    params = load("detect_people", DetectPeopleParams)
    runtime = load("runtime", RuntimeParams)
    archive, selected_path = (
        data / "download" / "photos.tar",
        data / "filter_categories" / "selected.parquet",
    )
    selected = manifests.read(selected_path)
    with scratch(
        "detect_people",
        params=params.model_dump(),
        code=["pipeline/stages/detect_people.py"],
        inputs=[archive, selected_path],
    ) as folder:
        detect = _detector(params, runtime)
        detect_people(archive, selected, folder, detect, runtime.detect_batch)
        publish(folder / "people.parquet", data / "detect_people" / "people.parquet")


def _detector(params: DetectPeopleParams, runtime: RuntimeParams) -> Detect:
    if not params.enabled:
        return lambda images: [[] for _ in images]
    # Imported here: with detection off, nobody waits for ultralytics.
    from pipeline.detector import Detector

    detector = Detector(
        params,
        device=choose_device(runtime.device),
        threads=num_threads(runtime.threads),
        downloads_dir=work_dir() / "weights",
    )
    return lambda images: [
        [(box.score, box.top, box.left, box.height, box.width) for box in boxes]
        for boxes in detector.detect(images)
    ]


def detect_people(
    archive: Path, photos: pd.DataFrame, folder: Path, detect: Detect, batch: int
) -> None:
    """Writes people.parquet into `folder`; `photos` has key, offset and size."""
    parts = {
        f"part-{start // PHOTOS_PER_PART:06d}": partial(
            _make_part, archive, photos.iloc[start : start + PHOTOS_PER_PART], detect, batch
        )
        for start in range(0, len(photos), PHOTOS_PER_PART)
    }
    with progress("detect_people", len(photos), "photos") as advance:
        made = run_parts(folder / "parts", parts, advance)
    people = pd.concat([manifests.read(part / "people.parquet") for part in made])
    assert list(people["key"]) == list(photos["key"]), "one row a photo, in order"
    manifests.write(people, folder / "people.parquet")


def _make_part(
    archive: Path,
    photos: pd.DataFrame,
    detect: Detect,
    batch: int,
    folder: Path,
    advance: Advance,
) -> None:
    rows: list[dict[str, Any]] = []
    with archive.open("rb") as file:
        for start in range(0, len(photos), batch):
            rows.extend(_rows(file, photos.iloc[start : start + batch], detect))
            advance(min(batch, len(photos) - start))
    manifests.write(pd.DataFrame(rows), folder / "people.parquet")


def _rows(file: BinaryIO, photos: pd.DataFrame, detect: Detect) -> Iterator[dict[str, Any]]:
    """A row for each photo of one batch; broken ones keep Pillow's reason."""
    described = [
        _describe(read_at(file, photo.offset, photo.size)) for photo in manifests.rows(photos)
    ]
    images = [np.asarray(image) for image, _ in described if image is not None]
    boxes = iter(detect(images) if images else [])
    for key, (image, facts) in zip(photos["key"], described, strict=True):
        found = next(boxes) if image is not None else []
        yield {
            "key": key,
            **facts,
            "scores": [box[0] for box in found],
            # top, left, height, width of each box in turn, px of the decoded photo
            "boxes": [value for box in found for value in box[1:]],
        }


def _describe(data: bytes) -> tuple[Image.Image | None, dict[str, Any]]:
    """The picture, if it decodes, and its columns."""
    facts: dict[str, Any] = {"sha256": hashlib.sha256(data).hexdigest()}
    try:
        image = decode(data)
    except BrokenPhotoError as error:
        lost = {"status": "broken", "error": str(error), "perceptual_hash": "0" * 16}
        return None, facts | lost | {"descriptor": "", "height": 0, "width": 0}
    facts |= {"status": "ok", "error": "", "perceptual_hash": str(imagehash.phash(image))}
    facts |= {"descriptor": as_text(descriptor(image))}
    return image, facts | {"height": image.height, "width": image.width}
