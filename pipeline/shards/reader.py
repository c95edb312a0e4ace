"""Reads the final shards, with webdataset."""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from webdataset.tariterators import group_by_keys, tar_file_expander

from pipeline.runtime.remote_shards import META, RemoteFolder, RemoteShard
from pipeline.shards.rectangle import Rectangle

# Where a data set's meta.json and shards are: on the disk, or the shards in DVC's remote.
ShardFolder = Path | RemoteFolder
Shard = Path | RemoteShard


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


def shard_folder(path: Path, place: str) -> ShardFolder:
    """`path` with its shards where params.yaml runtime.shards says: `disk` or `remote`."""
    return RemoteFolder(path) if place == "remote" else path


def read_meta(crop_dir: ShardFolder) -> dict[str, Any]:
    """What the shards hold: kind and options of the holes, sizes in px, counts, shard sums."""
    folder = crop_dir.path if isinstance(crop_dir, RemoteFolder) else crop_dir
    meta: dict[str, Any] = json.loads((folder / META).read_text())
    return meta


def shards_of(crop_dir: ShardFolder, split: str) -> list[Shard]:
    """The shards of `split` (train, val or test) in order."""
    shards: list[Shard]
    if isinstance(crop_dir, RemoteFolder):
        shards = [*crop_dir.shards(split)]
        folder = crop_dir.path / split
    else:
        shards, folder = [*shards_on_disk(crop_dir / split)], crop_dir / split
    if not shards:
        raise ValueError(
            f"{folder} holds no shards, since the split {split!r} got no photo: take more photos, "
            "or raise its share in params.yaml filter_people"
        )
    return shards


def shards_on_disk(folder: Path) -> list[Path]:
    """Those of a split in order."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is missing: run `dvc repro crop` first")
    return sorted(folder.glob("*.tar"))


def read_split(crop_dir: ShardFolder, split: str) -> Iterator[Sample]:
    """The samples of `split` in shard order."""
    for fields in read_fields(shards_of(crop_dir, split)):
        yield _sample(fields)


def read_fields(shards: Sequence[Shard]) -> Iterator[dict[str, Any]]:
    """The samples' fields as they are stored, in order.

    Each of several processes that train together reads all: who gets what is the feed's matter.
    """
    yield from group_by_keys(tar_file_expander(_opened(shards)))


def _opened(shards: Sequence[Shard]) -> Iterator[dict[str, Any]]:
    """One after the other, as webdataset takes them."""
    for shard in shards:
        with shard.open("rb") as file:
            yield {"url": str(shard), "stream": file}


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
