"""Small archives in the true layouts of Places365, their photos painted."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache

from pipeline.places365.categories import categories
from pipeline.sources.synthetic import source as synthetic
from pipeline.sources.synthetic.options import SyntheticOptions


@cache
def photo(number: int, people_share: float = 0.0) -> bytes:
    """A painted JPEG of 256x256."""
    options = SyntheticOptions(
        num_photos=10_000,
        seed=365,
        people_share=people_share,
        copy_share=0,
        greyscale_share=0,
        cmyk_share=0,
        broken_share=0,
    )
    return synthetic.encode(number, options)[0]


def tar(members: Mapping[str, bytes]) -> bytes:
    """A plain tar with its folders, as GNU tar writes one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        root = tarfile.TarInfo(next(iter(members)).partition("/")[0])
        root.type = tarfile.DIRTYPE
        archive.addfile(root)
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def val_name(number: int) -> str:
    return f"Places365_val_{number:08d}.jpg"


def val_tar(photos: Sequence[bytes]) -> bytes:
    """The flat layout; photos are numbered from 1."""
    return tar({f"val_256/{val_name(i)}": data for i, data in enumerate(photos, start=1)})


def file_list_tar(labels: Sequence[str | int | None]) -> bytes:
    """The lists; the label of photo i + 1 is a category, a number as it is, or None for no line."""
    lines = [
        f"{val_name(i)} {categories().index(label) if isinstance(label, str) else label}\n"
        for i, label in enumerate(labels, start=1)
        if label is not None
    ]
    lists = {"categories_places365.txt": b"", "places365_val.txt": "".join(lines).encode()}
    return tar({f"filelist_places365-standard/{name}": data for name, data in lists.items()})


def train_tar(photos: Sequence[bytes], labels: Sequence[str]) -> bytes:
    """The layout whose names carry the category."""
    named = zip(photos, labels, strict=True)
    return tar({f"data_256/{label}/{i:08d}.jpg": data for i, (data, label) in enumerate(named)})


def easy_tar(photos: Mapping[str, Sequence[tuple[bytes, str]]]) -> bytes:
    """One folder a category and part (train, val), without letters and levels."""
    return tar(
        {
            f"places365_standard/{part}/{_easy(label)}/{i:08d}.jpg": data
            for part, rows in photos.items()
            for i, (data, label) in enumerate(rows)
        }
    )


def _easy(category: str) -> str:
    return category.partition("/")[2].replace("/", "-")
