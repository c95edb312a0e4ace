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

from pipeline.holes import Rectangle


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
    """What the shards hold: sizes in px, counts by split, shard sums."""
    meta: dict[str, Any] = json.loads((crop_dir / "meta.json").read_text())
    return meta


def read_split(crop_dir: Path, split: str) -> Iterator[Sample]:
    """The samples of `split` (train, val or test) in shard order."""
    shards = sorted(str(path) for path in (crop_dir / split).glob("*.tar"))
    if not shards:
        raise ValueError(f"{crop_dir / split} holds no shards: run `dvc repro crop` first")
    for fields in webdataset.WebDataset(shards, shardshuffle=False, empty_check=False):
        yield _sample(fields)


def _sample(fields: dict[str, Any]) -> Sample:
    facts = json.loads(fields["json"])
    return Sample(
        key=fields["__key__"],
        image=np.array(Image.open(io.BytesIO(fields["image.png"]))),
        # By way of 8 bits: of a 1-bit picture Pillow makes booleans whose byte is 255, which
        # SciPy and torch take for the number 255.
        mask=np.array(Image.open(io.BytesIO(fields["mask.png"])).convert("L")) > 0,
        box=Rectangle(*facts["box"]),
        holes=[Rectangle(*hole) for hole in facts["holes"]],
        category=facts["category"],
        path=facts["path"],
    )
