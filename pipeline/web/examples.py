"""Photos to try the page with: test photos with their holes, and photos of full size."""

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from pipeline.photos import photo_tables
from pipeline.photos.decoding import decode
from pipeline.photos.formats import files_below
from pipeline.photos.headers import members
from pipeline.photos.photo_bytes import read_at, read_photo_at
from pipeline.runtime.photo_archive import has_photos, noted_archive

TEST, FULL = "Test photos, with their holes", "Photos of full size"
NUM_EACH = 12


class Example(NamedTuple):
    """`content` is an encoded image; `mask` (H, W) bool is drawn on it from the start."""

    name: str
    content: bytes
    mask: np.ndarray | None

    def thumbnail(self, side: int) -> Image.Image:
        """A square of `side` px; small photos with visible pixels."""
        image = decode(self.content)
        if self.mask is not None:
            image = Image.composite(Image.new("RGB", image.size, "white"), image, self._shape())
        kind = Image.Resampling.NEAREST if max(image.size) < side else Image.Resampling.LANCZOS
        edge = min(image.size)
        left, top = (image.width - edge) // 2, (image.height - edge) // 2
        return image.crop((left, top, left + edge, top + edge)).resize((side, side), kind)

    def _shape(self) -> Image.Image:
        assert self.mask is not None
        return Image.fromarray(self.mask).convert("L")


def find_examples(data: Path) -> dict[str, list[Example]]:
    """By what they are, a dozen of each; kinds that are not there are left out."""
    found = {TEST: list(islice(_test_photos(data), NUM_EACH))}
    found[FULL] = list(islice(_full_photos(data), NUM_EACH))
    return {kind: examples for kind, examples in found.items() if examples}


def _test_photos(data: Path) -> Iterator[Example]:
    """Of the final shards, by their headers alone: webdataset would bring torch with it."""
    for shard in sorted((data / "crop" / "test").glob("*.tar")):
        fields: dict[str, bytes] = {}
        with shard.open("rb") as file:
            for member in members(shard):
                key, _, field = member.name.partition(".")
                fields[field] = read_at(file, member.offset, member.size)
                if {"image.png", "mask.png"} <= fields.keys():
                    mask = Image.open(io.BytesIO(fields["mask.png"])).convert("L")
                    yield Example(key, fields["image.png"], np.asarray(mask) > 0)
                    fields = {}


def _full_photos(data: Path) -> Iterator[Example]:
    """Kept photos of the archive, evenly spaced; before there is one, files of data/photos."""
    index = data / "index" / "index.parquet"
    if index.is_file() and has_photos(data):
        rows = _rows(index, data / "filter_people" / "splits.parquet")
        with noted_archive(data).open("rb") as file:
            for row in rows[:: max(1, len(rows) // NUM_EACH)]:
                content = read_photo_at(file, row["offset"], row["size"], row["crc32"])
                yield Example(row["key"], content, None)
        return
    if (data / "photos").is_dir():
        for path in files_below(data / "photos").photos:
            yield Example(path.name, path.read_bytes(), None)


def _rows(index: Path, splits: Path) -> list[dict[str, Any]]:
    """Of the test photos, where there are splits: a generator has not seen those."""
    chosen = None
    if splits.is_file():
        of_test = photo_tables.arrow_table(splits, filters=[("split", "==", "test")])
        chosen = [("key", "in", of_test["key"].to_pylist())]
    columns = ["key", "offset", "size", "crc32"]
    rows: list[dict[str, Any]] = photo_tables.arrow_table(index, columns, chosen).to_pylist()
    return rows
