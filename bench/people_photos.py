"""Photos with and without people, and the detector that bench/people_filter.py asks."""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.detection.detector import Detector, resolve_weights
from pipeline.params.detect_people import DEMO_SHA256, DetectPeopleParams
from pipeline.runtime.checksums import sha256_of

HERE = Path(__file__).resolve().parent
# The names of the person classes in the detectors we know.
PERSON_NAMES = {DEMO_SHA256: ["Normal", "Fall"]}
BATCH = 16
SHORT_SIDE = 256  # px, as Places365's
SCENES = ("glacier", "mountain", "sea", "forest")


@dataclass(frozen=True)
class Photo:
    """A photo and what is known of it; `group` says which column of the table it counts in."""

    name: str
    path: Path
    group: str
    # px of the tallest person where the short side has 256, 0 without; None where it was not drawn.
    person_height: float | None = 0.0
    area: float = 0.0  # of the largest person's box, as a share of the photo


def people_photos(data: Path) -> list[Photo]:
    """COCO photos, grouped by the share of the image that their largest person takes."""
    with (data / "people" / "person_gt.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [
        Photo(
            name=row["image"],
            path=data / "people" / row["image"],
            group=_person_group(row),
            person_height=_height(row),
            area=float(row["largest_person_area"]),
        )
        for row in rows
    ]


def _height(row: dict[str, str]) -> float:
    """The table has that of the largest person, as a share of the image's height."""
    width, height = int(row["width"]), int(row["height"])
    return float(row["largest_person_height"]) * height * SHORT_SIDE / min(width, height)


def _person_group(row: dict[str, str]) -> str:
    if int(row["persons"]) == 0:
        return "everyday"
    area = float(row["largest_person_area"])
    return "tiny" if area < 0.01 else "small" if area <= 0.05 else "large"


def landscape_photos(data: Path) -> list[Photo]:
    """240 photos of landscapes256 and 30 of each scene, spread evenly.

    Each of them was looked at: people_in_landscapes.csv names those with a person, however small,
    and the largest one's area, estimated by eye. Other photos would count as empty, so the choice
    is fixed.
    """
    flickr = sorted((data / "landscapes256" / "landscape").glob("*.jpg"))
    chosen = _spread(flickr, 240)
    for scene in SCENES:
        files = sorted((data / "scenes" / scene).glob("*.jpg"))
        chosen += _spread(files, 30)
    with (HERE / "people_in_landscapes.csv").open() as file:
        areas = {row["photo"]: float(row["area"]) for row in csv.DictReader(file)}
    return [
        Photo(name, path, "peopled", None, areas[name])
        if name in areas
        else Photo(name, path, "empty")
        for path in chosen
        for name in [str(path.relative_to(data))]
    ]


def _spread(files: list[Path], num: int) -> list[Path]:
    """`num` of `files` at even distances, so that fewer are no other kind of photo."""
    num = min(num, len(files))
    return [files[index * len(files) // num] for index in range(num)]


def detector_of(weights: str, size: int, work: Path) -> Detector:
    path = resolve_weights(weights, work / "weights")
    found = sha256_of(path)  # a bench measures what it is given; the stage pins
    params = DetectPeopleParams(
        enabled=True,
        weights=weights,
        weights_sha256=found,
        person_classes=PERSON_NAMES.get(found, ["person"]),
        image_size=size,
        slice_ratio=2.0,
        score_floor=0.05,
        iou=0.7,
        max_pixels=64_000_000,
    )
    return Detector(params, "cpu", os.cpu_count() or 1, work / "weights")


def read(path: Path) -> np.ndarray:
    """RGB with a short side of at most 256 px, the size at which Places365 comes."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    scale = SHORT_SIDE / min(image.size)
    if scale < 1:
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3)
    return np.asarray(image)
