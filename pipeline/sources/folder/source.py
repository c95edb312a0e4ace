"""Your own photos: a folder with one folder a category, packed once into the Places layout."""

import json
from pathlib import Path

from pipeline.params.runtime import RuntimeParams
from pipeline.photos.formats import LEFT_OUT
from pipeline.photos.packing import ARCHIVE_ROOT, pack_photos, photos_below, relative_name
from pipeline.runtime.bucket_archive import name_archive
from pipeline.sources.folder.options import FolderOptions

OPTIONS = FolderOptions

# Photos that lie in no subfolder still need a category.
NO_CATEGORY = "uncategorized"
SETTING = "sources.folder.path"


def write(archive: Path, lists: Path, options: FolderOptions, runtime: RuntimeParams) -> str:
    """Packs every photo under `options.path` into the plain tar `archive`; returns its sha256.

    Of a tar in a bucket a note stands beside `archive`, in its place.
    Raises ValueError where there is no photo.
    """
    if options.url:
        in_bucket = name_archive(options.url)
        in_bucket.write(archive.with_suffix(".json"))
        return in_bucket.sha256
    root = Path(options.path)
    photos, left_out = photos_below(root, SETTING)
    names = {photo: member_name(photo, root) for photo in photos}
    # The index counts them, so that every file of the folder is in the funnel.
    (lists / LEFT_OUT).write_text(json.dumps(dict(sorted(left_out.items())), indent=2) + "\n")
    return pack_photos(names, archive)


def member_name(photo: Path, root: Path) -> str:
    """`data_256/<category>/<file>`."""
    relative = relative_name(photo, root)
    if "/" not in relative:
        relative = f"{NO_CATEGORY}/{relative}"
    return f"{ARCHIVE_ROOT}/{relative}"
