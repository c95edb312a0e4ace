"""Your own photos: a folder with one folder a category, packed once into the Places layout."""

from pathlib import Path

from pipeline.params.runtime import RuntimeParams
from pipeline.photos.packing import ARCHIVE_ROOT, pack_photos, photos_below, relative_name
from pipeline.sources.folder.options import FolderOptions

OPTIONS = FolderOptions

# Photos that lie in no subfolder still need a category.
NO_CATEGORY = "uncategorized"
SETTING = "sources.folder.path"


def write(archive: Path, lists: Path, options: FolderOptions, runtime: RuntimeParams) -> str:
    """Packs every photo under `options.path` into the plain tar `archive`; returns its sha256.

    Raises ValueError where there is no photo.
    """
    root = Path(options.path)
    names = {photo: member_name(photo, root) for photo in photos_below(root, SETTING)}
    return pack_photos(names, archive)


def member_name(photo: Path, root: Path) -> str:
    """`data_256/<category>/<file>`."""
    relative = relative_name(photo, root)
    if "/" not in relative:
        relative = f"{NO_CATEGORY}/{relative}"
    return f"{ARCHIVE_ROOT}/{relative}"
