"""Archives of many photos for the benches: some hundred images, no two files with the same bytes.

The images are the shared landscapes, encoded to the mean size of Places365's photos, or painted
ones where those are absent. A comment in each file makes its bytes its own, and costs no decoding.
"""

import io
import os
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from pipeline.photos.packing import add, new_archive
from pipeline.runtime.photo_archive import name_by_sum
from pipeline.sources.synthetic import source as synthetic
from pipeline.sources.synthetic.landscapes import CATEGORIES
from pipeline.sources.synthetic.options import SyntheticOptions

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SCENEFILL_SHARED", ROOT.parent / "shared"))
QUALITY = 75  # gives 13.9 KB a photo; Places365's have 13.96
NUM_PAINTED = 60


def pictures(most: int = 900, side: int = 256) -> list[bytes]:
    """JPEGs of side x side px, at most `most` different ones."""
    files = sorted((SHARED / "data/landscapes256/landscape").glob("*.jpg"))
    if not files:
        plain = SyntheticOptions(num_photos=NUM_PAINTED, seed=0, people_share=0.0)
        painted = [synthetic.encode(number, plain)[0] for number in range(min(most, NUM_PAINTED))]
        return [_encoded(io.BytesIO(photo), side) for photo in painted] if side < 256 else painted
    return [_encoded(path, side) for path in files[:most]]


def _encoded(photo: Path | BinaryIO, side: int) -> bytes:
    buffer = io.BytesIO()
    with Image.open(photo) as image:
        image.convert("RGB").resize((side, side)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def photos(num_photos: int, most: int = 900, side: int = 256) -> Iterator[bytes]:
    """`num_photos` files, each with bytes of its own."""
    for number, picture in enumerate(islice(cycle(pictures(most, side)), num_photos)):
        comment = f"{number}".encode()
        segment = b"\xff\xfe" + (2 + len(comment)).to_bytes(2) + comment
        yield picture[:2] + segment + picture[2:]


def write_download(folder: Path, num_photos: int, most: int = 900, side: int = 256) -> None:
    """What the stage `download` leaves in the project `folder`."""
    archive = folder / ".work/photos/new.tar"
    write_archive(archive, num_photos, most, side)
    (folder / "data/download/lists").mkdir(parents=True)
    name_by_sum(archive, folder / "data/download/photos.tar.sha256")


def write_archive(path: Path, num_photos: int, most: int = 900, side: int = 256) -> None:
    """A tar laid out as Places365's, with the same number of photos in each category."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_archive(path) as tar:
        for number, photo in enumerate(photos(num_photos, most, side)):
            category = CATEGORIES[number * len(CATEGORIES) // num_photos]
            add(tar, f"data_256/{category}/{number:08d}.jpg", photo)
