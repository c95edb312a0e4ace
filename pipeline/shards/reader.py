"""Reads the final shards, with webdataset."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import webdataset
from PIL import Image

from pipeline.shards.rectangle import Rectangle


@dataclass(frozen=True)
class Sample:
    """One photo with its stored hole."""

    key: str
    image: np.ndarray  # HWC uint8
    mask: np.ndarray  # HW bool, True = complete
    box: Rectangle
    holes: list[Rectangle]
    category: str
    path: str


def read_meta(crop_dir: Path) -> dict[str, Any]:
    """What the shards hold: kind and options of the holes, sizes in px, counts, shard sums."""
    meta: dict[str, Any] = json.loads((crop_dir / "meta.json").read_text())
    return meta


def shards_of(crop_dir: Path, split: str) -> list[Path]:
    """The shards of `split` (train, val or test) in order."""
    folder = crop_dir / split
    if not folder.is_dir():
        raise ValueError(f"{folder} is missing: run `dvc repro crop` first")
    shards = sorted(folder.glob("*.tar"))
    if not shards:
        raise ValueError(
            f"{folder} holds no shards, since the split {split!r} got no photo: take more photos, "
            "or raise its share in params.yaml filter_people"
        )
    return shards


def read_split(crop_dir: Path, split: str) -> Iterator[Sample]:
    """The samples of `split` in shard order."""
    for fields in read_fields(shards_of(crop_dir, split)):
        yield _sample(fields)


def read_fields(shards: list[Path]) -> Iterator[dict[str, Any]]:
    """The samples' fields as they are stored, in order."""
    paths = [str(path) for path in shards]
    # Each of several processes that train together reads all: who gets what is the feed's matter.
    yield from webdataset.WebDataset(
        paths, shardshuffle=False, empty_check=False, nodesplitter=iter
    )


def image_of(fields: dict[str, Any]) -> np.ndarray:
    """HWC uint8."""
    return np.array(Image.open(io.BytesIO(fields["image.png"])))


def mask_of(fields: dict[str, Any]) -> np.ndarray:
    """HW bool, True = complete."""
    # By way of 8 bits: of a 1-bit image Pillow makes booleans whose byte is 255, which
    # SciPy and torch take for the number 255.
    return np.array(Image.open(io.BytesIO(fields["mask.png"])).convert("L")) > 0


def box_of(fields: dict[str, Any]) -> Rectangle:
    """px."""
    return Rectangle(*json.loads(fields["json"])["box"])


def _sample(fields: dict[str, Any]) -> Sample:
    facts = json.loads(fields["json"])
    return Sample(
        key=fields["__key__"],
        image=image_of(fields),
        mask=mask_of(fields),
        box=box_of(fields),
        holes=[Rectangle(*hole) for hole in facts["holes"]],
        category=facts["category"],
        path=facts["path"],
    )
