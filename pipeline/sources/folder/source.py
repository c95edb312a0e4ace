"""Your own photos: a folder with one folder a category, packed once into the Places layout."""

import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.params.sources.folder import FolderOptions
from pipeline.progress import progress, say
from pipeline.resume import require_space

OPTIONS = FolderOptions

ARCHIVE_ROOT = "data_256"
# Photos that lie in no subfolder still need a category.
NO_CATEGORY = "uncategorized"
PHOTO_SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))


def write(archive: Path, lists: Path, options: FolderOptions, workers: int) -> None:
    """Packs every photo under `options.path` into the plain tar `archive`, sorted by name.

    Bytes are copied, never decoded; times and owners are left out, so that the same photos give
    the same archive. Raises ValueError where there is no photo.
    """
    root = Path(options.path)
    if not root.is_dir():
        raise ValueError(
            f"params.yaml sources.folder.path is {options.path!r}, but no such folder exists: "
            "name the folder that holds one folder of photos a category"
        )
    photos, others = _split_by_suffix(root)
    if not photos:
        endings = ", ".join(sorted(PHOTO_SUFFIXES))
        raise ValueError(
            f"params.yaml sources.folder.path is {options.path!r}, but there is no photo in it "
            f"({sum(others.values())} other files; photos end in {endings})"
        )
    if others:
        say(f"download: {sum(others.values())} files are no photos and stay out: {dict(others)}")
    require_space(archive.parent, sum(path.stat().st_size for path in photos), "packing the photos")
    _pack({member_name(path, root): path for path in photos}, archive)


def member_name(photo: Path, root: Path) -> str:
    """`data_256/<category>/<file>`; bytes that are no UTF-8 are written as \\xNN."""
    relative = os.fsencode(photo.relative_to(root)).decode("utf-8", "backslashreplace")
    if "/" not in relative:
        relative = f"{NO_CATEGORY}/{relative}"
    return f"{ARCHIVE_ROOT}/{relative}"


def _split_by_suffix(root: Path) -> tuple[list[Path], Counter[str]]:
    """The photos, and the numbers of other files by ending; hidden files are neither."""
    photos, others = [], Counter[str]()
    for path in _walk(root):
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in PHOTO_SUFFIXES:
            photos.append(path)
        else:
            others[path.suffix.lower() or "no ending"] += 1
    return photos, others


def _walk(root: Path) -> Iterator[Path]:
    """Regular files below `root` and links to such; a link to a folder is an error."""
    for folder, subfolders, names in os.walk(root):
        for name in subfolders:
            if Path(folder, name).is_symlink():
                raise ValueError(
                    f"{Path(folder, name)} is a link to a folder. DVC does not look behind it and "
                    "would miss new photos there: copy the photos, or name the real folder in "
                    "params.yaml sources.folder.path"
                )
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (path for name in names if (path := Path(folder, name)).is_file())


def _pack(members: dict[str, Path], archive: Path) -> None:
    with (
        tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar,
        progress("download", len(members), "photos") as advance,
    ):
        for name, path in sorted(members.items()):
            with path.open("rb") as file:
                member = tarfile.TarInfo(name)
                member.size = os.fstat(file.fileno()).st_size
                tar.addfile(member, file)
            advance(1)
