"""Your own photos: a folder with one folder a category, packed once into the Places layout."""

import json
from collections import Counter
from functools import partial
from pathlib import Path

from pipeline.params.runtime import RuntimeParams
from pipeline.photos.formats import LEFT_OUT
from pipeline.photos.packing import (
    ARCHIVE_ROOT,
    pack_photos,
    photos_below,
    photos_of,
    relative_name,
)
from pipeline.runtime.bucket_archive import BucketArchive, name_tar
from pipeline.runtime.bucket_folder import first_bytes, list_objects, name_folder
from pipeline.sources.folder.options import FolderOptions

OPTIONS = FolderOptions

# Photos that lie in no subfolder still need a category.
NO_CATEGORY = "uncategorized"
SETTING, URL_SETTING = "sources.folder.path", "sources.folder.url"


def write(archive: Path, lists: Path, options: FolderOptions, runtime: RuntimeParams) -> str:
    """Packs every photo under `options.path` into the plain tar `archive`; returns its sha256.

    Of photos in a bucket a note stands beside `archive`, in its place.
    Raises ValueError where there is no photo.
    """
    if options.url:
        in_bucket = _name(options.url, archive, lists)
        in_bucket.write(archive.with_suffix(".json"))
        return in_bucket.sha256
    root = Path(options.path)
    photos, left_out = photos_below(root, SETTING)
    names = {photo: member_name(relative_name(photo, root)) for photo in photos}
    _note(left_out, lists)
    return pack_photos(names, archive)


def _name(url: str, archive: Path, lists: Path) -> BucketArchive:
    """The tar at `url`, or the one that the photos below it make."""
    if not url.endswith("/"):
        return name_tar(url)
    objects = list_objects(url)
    sizes = {name: found.size for name, found in objects.items()}
    photos, left_out = photos_of(sizes, partial(first_bytes, url), f"{URL_SETTING} is {url!r}")
    _note(left_out, lists)
    # As pack_photos sorts them.
    members = sorted(((name, member_name(name)) for name in photos), key=lambda pair: pair[1])
    return name_folder(url, objects, members, archive.with_suffix(".parquet"))


def _note(left_out: Counter[str], lists: Path) -> None:
    """The index counts them, so that every file of the folder is in the funnel."""
    (lists / LEFT_OUT).write_text(json.dumps(dict(sorted(left_out.items())), indent=2) + "\n")


def member_name(relative: str) -> str:
    """`data_256/<category>/<file>` of a path below the folder."""
    if "/" not in relative:
        relative = f"{NO_CATEGORY}/{relative}"
    return f"{ARCHIVE_ROOT}/{relative}"
