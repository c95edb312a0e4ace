"""The `celeba` source: aligned faces, from the official zip or its extracted folder, as one tar."""

import errno
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pipeline.downloads.archives import adopted_folder, obtain
from pipeline.params.runtime import RuntimeParams
from pipeline.photos.packing import add, new_archive, pack_photos, photos_below
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.progress import progress, say
from pipeline.runtime.scratch import require_space
from pipeline.sources.celeba.options import CelebaOptions

SECTION = "sources.celeba"
OPTIONS = CelebaOptions

# CelebA has no categories; a photo needs one.
FOLDER = "img_align_celeba/faces"
MAX_BYTES = 10_000_000  # a member; the real ones have 4 to 12 thousand bytes
BY_HAND = (
    "its host, Google Drive, hands it to persons only. Open "
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html, follow `Align&Cropped Images` and fetch "
    "Img/img_align_celeba.zip (and with sources.celeba.with_lists also Anno/list_attr_celeba.txt "
    "and Eval/list_eval_partition.txt). Put all into one folder and name that folder in "
    "params.yaml runtime.adopt"
)


def write(archive: Path, lists: Path, options: CelebaOptions, runtime: RuntimeParams) -> str:
    """Packs the faces into the plain tar `archive`, sorted by name; returns its sha256."""
    if options.with_lists:
        for pinned in (options.attributes, options.partition):
            found = obtain(pinned, None, runtime, by_hand=BY_HAND)
            shutil.copyfile(found.path, lists / pinned.name)
    if options.form == "folder":
        root = adopted_folder(runtime, SECTION, ("img_align_celeba",))
        photos = photos_below(root, "runtime.adopt").photos
        return pack_photos({photo: f"{FOLDER}/{photo.name}" for photo in photos}, archive)
    found = obtain(options.archive, None, runtime, section=SECTION, by_hand=BY_HAND)
    with _reading(found.path):
        photos_zip = zipfile.ZipFile(found.path)
    with photos_zip:
        _pack(photos_zip, archive)
    return sha256_of(archive)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever malformed bytes lead zipfile and its decompressors into is one ValueError."""
    try:
        yield
    # BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, struct.error and others;
    # of OSErrors bz2's, without a number, and that of an offset before the file.
    except Exception as error:
        is_refusal = getattr(error, "errno", None) not in (None, errno.EINVAL)
        if isinstance(error, MemoryError) or is_refusal:
            raise
        raise ValueError(f"{path} is no zip that can be read: {error}") from error


def _pack(photos_zip: zipfile.ZipFile, archive: Path) -> None:
    """The zip's photos by their file names alone: no path in it is followed."""
    photos = _photos(photos_zip.infolist())
    if not photos:
        raise ValueError(f"{photos_zip.filename} holds no photo that ends in .jpg")
    require_space(archive.parent, sum(m.file_size for m in photos), "packing the faces")
    with new_archive(archive) as tar, progress("download", len(photos), "photos") as advance:
        for member in photos:
            with _reading(Path(str(photos_zip.filename))):
                photo = photos_zip.read(member)
            add(tar, f"{FOLDER}/{PurePosixPath(member.filename).name}", photo)
            advance(1)


def _photos(members: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """One member a file name, sorted; what is no photo is counted aloud."""
    photos: dict[str, zipfile.ZipInfo] = {}
    others = Counter[str]()
    for member in members:
        name = PurePosixPath(member.filename).name
        if member.is_dir():
            continue
        if member.flag_bits & 1:
            raise ValueError(f"{member.filename} is encrypted: it is no member of the official zip")
        if not name.lower().endswith(".jpg") or name.startswith("."):
            others["other files"] += 1
        elif member.file_size > MAX_BYTES:
            others["too large"] += 1
        elif photos.setdefault(name, member) is not member:
            others["duplicates"] += 1
    if others:
        say(f"download: members that stay out: {dict(others)}")
    return [photos[name] for name in sorted(photos)]
