"""The `places365` source: the training set of Places365-Standard, whose names tell the category."""

from pathlib import Path

from pipeline.downloads.archives import adopted_folder, obtain
from pipeline.params.runtime import RuntimeParams
from pipeline.photos.packing import ARCHIVE_ROOT, pack_photos, photos_below, relative_name
from pipeline.runtime.bucket_archive import name_tar
from pipeline.runtime.scratch import publish
from pipeline.sources.places365.options import Places365Options

SECTION = "sources.places365"
OPTIONS = Places365Options

URL = "http://data.csail.mit.edu/places/places365"
# Below which the categories' folders stand: the archive's own name, torchvision's, the easy format.
ROOTS = ("data_256", "data_256_standard", "places365_standard/train", "train")


def write(archive: Path, lists: Path, options: Places365Options, runtime: RuntimeParams) -> str:
    """Puts the pinned tar at `archive`, or packs the extracted copy; returns its sha256.

    Of a tar in a bucket a note stands beside `archive`.
    """
    (lists / "places365.json").write_text('{"part": "train"}\n')
    if options.url:
        # Its sum is known: `index`, which reads all of it, holds it against that.
        pinned = options.archive
        in_bucket = name_tar(options.url, pinned.sha256, pinned.num_bytes)
        in_bucket.write(archive.with_suffix(".json"))
        return in_bucket.sha256
    if options.form == "folder":
        root = adopted_folder(runtime, SECTION, ROOTS)
        photos = photos_below(root, "runtime.adopt").photos
        names = {photo: f"{ARCHIVE_ROOT}/{relative_name(photo, root)}" for photo in photos}
        return pack_photos(names, archive)
    if options.form == "easy_format":
        found = obtain(options.easy_format, None, runtime, section=SECTION)
    else:
        found = obtain(options.archive, URL, runtime, section=SECTION)
    publish(found.path, archive)
    return found.sha256
