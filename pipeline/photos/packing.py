"""Photos into one plain tar: the same photos give the same bytes, whoever packs them and when."""

import io
import os
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.photos.formats import (
    FORMATS,
    HEAD_BYTES,
    Folder,
    files_below,
    is_hidden,
    is_told_by_name,
    why_left_out,
)
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
    _say_left_out(len(folder.photos), folder.left_out, f"{setting} is {str(root)!r}")
    return folder


def photos_of(
    sizes: Mapping[str, int],
    first_bytes: Callable[[Mapping[str, int], int], Mapping[str, bytes]],
    setting: str,
) -> tuple[list[str], Counter[str]]:
    """As `photos_below`, of the objects of a bucket: the photos' names, and the others by why.

    `sizes` (bytes) are by name, below the folder that the entry `setting` names. The first bytes
    are asked for where a name does not tell. A name that no file can have stays out.
    """
    files, left_out = {}, Counter[str]()
    for name, size in sizes.items():
        parts = name.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            left_out["unusable_name"] += 1
        elif any(map(is_hidden, parts)):
            left_out["hidden_files"] += 1
        else:
            files[name] = size
    untold = {name: size for name, size in files.items() if not is_told_by_name(_last(name))}
    heads, photos = first_bytes(untold, HEAD_BYTES) if untold else {}, []
    for name in files:
        if reason := why_left_out(_last(name), heads.get(name, b"")):
            left_out[reason] += 1
        else:
            photos.append(name)
    _say_left_out(len(photos), left_out, setting)
    return sorted(photos, key=lambda name: name.split("/")), left_out


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _say_left_out(num_photos: int, left_out: Counter[str], setting: str) -> None:
    """ValueError where there is no photo."""
    num_others = left_out.total()
    if not num_photos:
        raise ValueError(
            f"params.yaml {setting}, but there is no photo in it "
            f"({num_others} other files; photos are {', '.join(FORMATS)})"
        )
    if num_others:
        say(f"download: {num_others} files are no photos and stay out: {dict(left_out)}")


def relative_name(photo: Path, root: Path) -> str:
    """The photo's path below `root`; bytes that are no UTF-8 are written as \\xNN."""
    return os.fsencode(photo.relative_to(root)).decode("utf-8", "backslashreplace")
