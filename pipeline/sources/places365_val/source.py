"""The `places365_val` source: the validation set of Places365-Standard, flat names and a list."""

import tarfile
from pathlib import Path

from pipeline.downloads.archives import adopted_folder, obtain
from pipeline.params.runtime import RuntimeParams
from pipeline.photos.packing import ARCHIVE_ROOT, pack_photos, photos_below, relative_name
from pipeline.runtime.scratch import publish
from pipeline.sources.places365_val.options import Places365ValOptions

SECTION = "sources.places365_val"
OPTIONS = Places365ValOptions

URL = "http://data.csail.mit.edu/places/places365"
ROOTS = ("val_256", "places365_standard/val", "val")
LABELS = "places365_val.txt"
MAX_LABELS_BYTES = 50_000_000  # the official list has 1.2 million


def write(archive: Path, lists: Path, options: Places365ValOptions, runtime: RuntimeParams) -> str:
    """Puts the pinned tar at `archive`, or packs the extracted copy; returns its sha256.

    The official list of labels goes to lists/, but for the easy format, whose folders tell them.
    """
    (lists / "places365.json").write_text('{"part": "val"}\n')
    if options.form == "folder":
        return _pack(archive, lists, options, runtime)
    if options.form == "easy_format":
        found = obtain(options.easy_format, None, runtime, section=SECTION)
    else:
        # First the small file: its faults are those of the server, and are known in a second.
        _write_labels(lists, options, runtime)
        found = obtain(options.archive, URL, runtime, section=SECTION)
    publish(found.path, archive)
    return found.sha256


def _pack(archive: Path, lists: Path, options: Places365ValOptions, runtime: RuntimeParams) -> str:
    root = adopted_folder(runtime, SECTION, ROOTS)
    photos = photos_below(root, "runtime.adopt").photos
    if any(photo.parent == root for photo in photos):
        _write_labels(lists, options, runtime)
    names = {photo: f"{ARCHIVE_ROOT}/{relative_name(photo, root)}" for photo in photos}
    return pack_photos(names, archive)


def _write_labels(lists: Path, options: Places365ValOptions, runtime: RuntimeParams) -> None:
    """The list of labels, as it stands in the archive of lists."""
    file_list = obtain(options.file_list, URL, runtime).path
    try:
        labels = _labels_in(file_list)
    except (OSError, ValueError):
        raise
    # Malformed bytes reach tarfile's arithmetic: TarError, EOFError, IndexError and others.
    except Exception as error:
        raise ValueError(
            f"{file_list} is no plain tar that can be read ({error}): pin another file in "
            "sources.places365_val.file_list"
        ) from error
    (lists / LABELS).write_bytes(labels)


def _labels_in(file_list: Path) -> bytes:
    with tarfile.open(file_list, "r:") as tar:
        for member in tar:
            if Path(member.name).name == LABELS and member.isreg():
                break
        else:
            raise ValueError(f"{file_list} holds no {LABELS}: it is another edition's")
        if member.size > MAX_LABELS_BYTES:
            raise ValueError(f"{LABELS} in {file_list} has {member.size:,} bytes: it is no list")
        file = tar.extractfile(member)
        assert file is not None
        labels = file.read()
        if len(labels) != member.size:
            raise ValueError(f"{file_list} ends inside {LABELS}: bring the whole file")
        return labels
