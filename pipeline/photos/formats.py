"""Which files are photos: one table of formats, one rule, for data sets, commands and the page.

A file is of the format that its first bytes say, whatever it is called. By its ending alone a file
counts as a photo where its bytes are of no known format: it is a broken one, and told as such.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import filterfalse
from pathlib import Path, PurePath
from typing import NamedTuple

# Written by the sources of folders into the lists: files that they left out, by why.
LEFT_OUT = "left_out.json"
PNG_START = b"\x89PNG\r\n\x1a\n"
HEAD_BYTES = 64  # that tell a format
# Format -> its endings. These are decoded, in pipeline/photos/decoding.py.
ENDINGS = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "webp": (".webp",),
    "bmp": (".bmp", ".dib"),
    "tiff": (".tif", ".tiff"),
    "gif": (".gif",),
    "avif": (".avif",),
}
FORMATS = tuple(ENDINGS)
# Known, so that they are counted and not lost; Pillow has no decoder for them.
UNREADABLE = {"heic": (".heic", ".heif", ".hif")}
PHOTO_ENDINGS = tuple(ending for endings in ENDINGS.values() for ending in endings)
KNOWN_ENDINGS = {*PHOTO_ENDINGS, *UNREADABLE["heic"]}
# Files of cameras' own formats begin as TIFF does.
RAW_ENDINGS = (".arw", ".cr2", ".dng", ".nef", ".nrw", ".orf", ".pef", ".rw2", ".srw")
# Beside the photos: thumbnails on a Synology, what macOS adds to a zip, Windows' waste bin.
SYSTEM_FOLDERS = ("@eaDir", "__MACOSX", "$RECYCLE.BIN")
BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes of the header that follows, by version
AVIF_BRANDS, HEIC_BRANDS = (b"avif", b"avis"), (b"heic", b"heix", b"hevc", b"heim", b"mif1")


def format_of(head: bytes) -> str | None:
    """The format of a file that starts with `head` (HEAD_BYTES of it), None where it is none."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(PNG_START):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "tiff"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in BMP_HEADERS:
        return "bmp"
    if head[4:8] == b"ftyp":
        # The major brand, and behind its version the compatible ones.
        end = min(int.from_bytes(head[:4]), len(head))
        brands = [head[at : at + 4] for at in (8, *range(16, end, 4))]
        if any(brand in AVIF_BRANDS for brand in brands):
            return "avif"
        return "heic" if any(brand in HEIC_BRANDS for brand in brands) else None
    return None


def ending_of(name: str) -> str:
    """`.jpg` of a path; empty where there is none."""
    return PurePath(name).suffix.lower()


def is_photo(name: str, head: bytes) -> bool:
    """Whether a file of this name and these first bytes counts as a photo, be it a broken one."""
    ending, kind = ending_of(name), format_of(head)
    return ending in KNOWN_ENDINGS if kind is None else not _is_raw(kind, ending)


def _is_raw(kind: str, ending: str) -> bool:
    return kind == "tiff" and ending in RAW_ENDINGS


def why_no_photo(name: str, head: bytes, formats: Sequence[str]) -> str | None:
    """The reason by which the funnel counts a file that is no photo of these `formats`."""
    kind = format_of(head)
    if not is_photo(name, head):
        return "other_files"
    if kind is None:
        endings = [ending for each in formats for ending in ENDINGS[each]]
        return None if ending_of(name) in endings else "other_files"
    return None if kind in formats else "unsupported_format"


class Folder(NamedTuple):
    """The files below a folder."""

    photos: list[Path]  # by name
    left_out: Counter[str]  # files that are no photos, by why


def files_below(root: Path) -> Folder:
    """What lies below `root`, subfolders included; what is hidden or in a hidden folder stays out.

    Regular files, and links to such below `root`; a pipe, say, is none. ValueError for a link to a
    folder: nobody would see that files are added behind it; and for a link that leads out of
    `root`, by which a folder from a stranger takes in files that are not its own.
    """
    photos, left_out = [], Counter[str]()
    for path, is_apart in _walk(root):
        if is_apart:
            left_out["hidden_files"] += 1
        elif not path.is_file():
            left_out["no_regular_file"] += 1
        elif reason := why_left_out(path.name, b"" if is_told_by_name(path.name) else _head(path)):
            left_out[reason] += 1
        else:
            photos.append(path)
    return Folder(sorted(photos), left_out)


def is_told_by_name(name: str) -> bool:
    """Whether `why_left_out` needs no first bytes of this file."""
    return is_hidden(name) or ending_of(name) in KNOWN_ENDINGS


def why_left_out(name: str, head: bytes) -> str | None:
    """Why a file of a folder is not taken, or None."""
    if is_hidden(name):
        return "hidden_files"
    return None if ending_of(name) in KNOWN_ENDINGS or is_photo(name, head) else "other_files"


def is_hidden(name: str) -> bool:
    """Of a file or folder; also of the folders in which systems keep thumbnails and the like."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def _head(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return file.read(HEAD_BYTES)


def _walk(root: Path) -> Iterator[tuple[Path, bool]]:
    """Files, and whether they are in a hidden folder."""
    for folder, subfolders, names in os.walk(root):
        if any(map(is_hidden, Path(folder).relative_to(root).parts)):
            yield from ((Path(folder, name), True) for name in names)
            continue
        for name in filterfalse(is_hidden, subfolders):
            if Path(folder, name).is_symlink():
                raise ValueError(
                    f"{Path(folder, name)} is a link to a folder, which is not looked behind: new "
                    "photos there would be missed. Copy the photos, or name the real folder"
                )
        subfolders.sort()
        for path in (Path(folder, name) for name in names):
            if leads_out(path, root):
                raise ValueError(
                    f"{path} is a link that leads out of {root}: put the photo itself there "
                    "(cp -L, or ln for a hard link), or name the real folder"
                )
            yield path, False


def leads_out(path: Path, root: Path) -> bool:
    """Whether a file below `root` is a link to one that is not."""
    return path.is_symlink() and path.exists() and not path.resolve().is_relative_to(root.resolve())
