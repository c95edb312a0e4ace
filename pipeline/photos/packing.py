"""Photos into one plain tar: the same photos give the same bytes, whoever packs them and when."""

import io
import os
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.progress import progress, say
from pipeline.runtime.scratch import require_space

ARCHIVE_ROOT = "data_256"
PHOTO_SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))


@contextmanager
def new_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """An empty tar at `path`, for `add`; written in place."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        yield tar


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """A member without clock or owner."""
    _add(tar, name, len(data), io.BytesIO(data))


def _add(tar: tarfile.TarFile, name: str, size: int, file: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    tar.addfile(member, file)


def pack_photos(names: Mapping[Path, str], archive: Path) -> str:
    """Packs photos (path -> member's name) into `archive`, sorted by name; returns its sha256.

    Bytes are copied, never decoded.
    """
    num_bytes = sum(path.stat().st_size for path in names)
    require_space(archive.parent, num_bytes, "packing the photos")
    with (
        new_archive(archive) as tar,
        progress("download", len(names), "photos") as advance,
    ):
        for path, name in sorted(names.items(), key=lambda item: item[1]):
            with path.open("rb") as file:
                _add(tar, name, os.fstat(file.fileno()).st_size, file)
            advance(1)
    return sha256_of(archive)


def photos_below(root: Path, setting: str) -> list[Path]:
    """The photos under `root`; other files are counted aloud, hidden ones are neither.

    `setting` is the entry of params.yaml that names the folder. Raises ValueError where `root` is
    no folder or there is no photo.
    """
    if not root.is_dir():
        raise ValueError(
            f"params.yaml {setting} is {str(root)!r}, but no such folder exists: "
            "name the folder that holds one folder of photos a category"
        )
    photos, others = [], Counter[str]()
    for path in _walk(root, setting):
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in PHOTO_SUFFIXES:
            photos.append(path)
        else:
            others[path.suffix.lower() or "no ending"] += 1
    if not photos:
        endings = ", ".join(sorted(PHOTO_SUFFIXES))
        raise ValueError(
            f"params.yaml {setting} is {str(root)!r}, but there is no photo in it "
            f"({sum(others.values())} other files; photos end in {endings})"
        )
    if others:
        say(f"download: {sum(others.values())} files are no photos and stay out: {dict(others)}")
    return photos


def relative_name(photo: Path, root: Path) -> str:
    """The photo's path below `root`; bytes that are no UTF-8 are written as \\xNN."""
    return os.fsencode(photo.relative_to(root)).decode("utf-8", "backslashreplace")


def _walk(root: Path, setting: str) -> Iterator[Path]:
    """Regular files below `root` and links to such; a link to a folder is an error."""
    for folder, subfolders, names in os.walk(root):
        for name in subfolders:
            if Path(folder, name).is_symlink():
                raise ValueError(
                    f"{Path(folder, name)} is a link to a folder. DVC does not look behind it and "
                    "would miss new photos there: copy the photos, or name the real folder in "
                    f"params.yaml {setting}"
                )
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (path for name in names if (path := Path(folder, name)).is_file())
