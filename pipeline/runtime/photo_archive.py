"""Where the tar of photos lies: in the scratch folder under its sum, or in a bucket, where single
photos may stand for it.

It is no out of `download`, but its sum is. The photos of others are not to be handed on, by no
`dvc push` either, and a clone without them goes on from every stage that does not read them.
"""

import hashlib
import json
from pathlib import Path
from threading import Event

from pipeline.runtime.bucket_archive import BLOCK, NOTED, BucketArchive, BucketTar
from pipeline.runtime.checksums import read_sums, sha256_of, write_sums
from pipeline.runtime.scratch import work_dir

# What stages read photos from: by `open`, as of a path.
PhotoArchive = Path | BucketArchive

FOLDER = "photos"  # in the scratch folder
ARCHIVE = "photos.tar"
FETCH = "`dvc repro --force --single-item download`"


def stored_archive(sha256: str) -> Path:
    """The place of the archive with this sum."""
    return work_dir() / FOLDER / f"{sha256}.tar"


def bucket_note(sha256: str) -> Path:
    """The note of where in a bucket the archive with this sum lies, where it is not here."""
    return stored_archive(sha256).with_suffix(".json")


def photo_archive(data: Path) -> PhotoArchive:
    """The archive that data/download/photos.tar.sha256 names.

    Raises ValueError, with the remedy, where it is not here, and where the bucket has another one
    in its place.
    """
    archive = noted_archive(data)
    if isinstance(archive, BucketArchive):
        archive.require_unchanged()
    return archive


def noted_archive(data: Path) -> PhotoArchive:
    """As `photo_archive`, without a look at the bucket: for a few photos, each with its checksum.

    That look lists a folder, which takes a second for some thousand photos.
    """
    record = data / "download" / "photos.tar.sha256"
    if not record.is_file():
        raise ValueError(f"{record} is missing: run `dvc repro download` first")
    sha256 = _sum_in(record)
    path, note = stored_archive(sha256), bucket_note(sha256)
    if not path.is_file() and note.is_file():
        return _in_bucket(note)
    if not path.is_file():
        raise ValueError(
            f"the photos of this run are not here ({path}): they are not shared with its figures. "
            f"{FETCH} gets them from their source; stages that read none, from `crop` on, go on "
            "without them"
        )
    return path


def archive_in_bucket(data: Path) -> BucketArchive | None:
    """The archive as `download` has noted it in a bucket, also where the same tar is here."""
    record = data / "download" / "photos.tar.sha256"
    note = bucket_note(_sum_in(record)) if record.is_file() else None
    return _in_bucket(note) if note and note.is_file() else None


def _in_bucket(note: Path) -> BucketArchive:
    """What `BucketArchive.write` has noted."""
    try:
        facts = json.loads(note.read_bytes())
        kinds = {name: type(value) for name, value in facts.items()}
        is_as_written = kinds == NOTED and facts["sha256"] == note.stem
    except (ValueError, AttributeError):
        is_as_written = False
    if not is_as_written:
        raise ValueError(f"{note} is damaged: run {FETCH}")
    if not facts["url"].endswith("/"):
        return BucketTar(**facts)
    # Imported here: commands that read no photos need no tables.
    from pipeline.runtime.bucket_folder import BucketFolder

    return BucketFolder(**facts, objects=note.with_suffix(".parquet"))


def name_by_sum(archive: Path, record: Path) -> None:
    """Renames `archive` to its sum, which `record` then holds: as `download` leaves the two."""
    sha256 = sha256_of(archive)
    archive.rename(archive.with_name(f"{sha256}.tar"))
    write_sums(record, {ARCHIVE: sha256})


def damaged_archive(archive: PhotoArchive | str) -> ValueError:
    """The error of an archive whose bytes are no longer those that `download` wrote."""
    return ValueError(f"{archive} is damaged: run {FETCH}, which gets the photos again")


def require_sound_archive(archive: PhotoArchive, is_over: Event | None = None) -> None:
    """ValueError where the archive is not what its name says; reads all of it.

    On a disk the reading ends, without a verdict, once `is_over`.
    """
    if isinstance(archive, BucketArchive):
        archive.scan().require_sound()
        return
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while block := file.read(BLOCK):
            if is_over and is_over.is_set():
                return
            digest.update(block)
    if digest.hexdigest() != archive.stem:
        raise damaged_archive(archive)


def has_photos(data: Path) -> bool:
    """Whether the archive is here, without a word about it."""
    record = data / "download" / "photos.tar.sha256"
    if not record.is_file():
        return False
    sha256 = _sum_in(record)
    return stored_archive(sha256).is_file() or bucket_note(sha256).is_file()


def _sum_in(record: Path) -> str:
    """The sum of photos.tar; ValueError where the list is damaged."""
    sums = read_sums(record)
    if list(sums) != [ARCHIVE]:
        raise ValueError(f"{record} holds no sum of {ARCHIVE}: run {FETCH}")
    return sums[ARCHIVE]
