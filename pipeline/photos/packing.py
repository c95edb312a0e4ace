"""Photos into one plain tar: the same photos give the same bytes, whoever packs them and when."""

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.photos.formats import FORMATS, Folder, files_below
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.progress import progress, say
from pipeline.runtime.scratch import require_space

ARCHIVE_ROOT = "data_256"


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


def photos_below(root: Path, setting: str) -> Folder:
    """The photos under `root`, and the other files by why they stay out, which is said.

    `setting` is the entry of params.yaml that names the folder. Raises ValueError where `root` is
    no folder or there is no photo.
    """
    if not root.is_dir():
        raise ValueError(
            f"params.yaml {setting} is {str(root)!r}, but no such folder exists: "
            "name the folder that holds one folder of photos a category"
        )
    folder = files_below(root)
    num_others = folder.left_out.total()
    if not folder.photos:
        raise ValueError(
            f"params.yaml {setting} is {str(root)!r}, but there is no photo in it "
            f"({num_others} other files; photos are {', '.join(FORMATS)})"
        )
    if num_others:
        say(f"download: {num_others} files are no photos and stay out: {dict(folder.left_out)}")
    return folder


def relative_name(photo: Path, root: Path) -> str:
    """The photo's path below `root`; bytes that are no UTF-8 are written as \\xNN."""
    return os.fsencode(photo.relative_to(root)).decode("utf-8", "backslashreplace")
