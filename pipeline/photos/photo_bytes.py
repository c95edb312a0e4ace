"""The bytes of photos, out of the archive that the index describes."""

import zlib
from collections.abc import Generator, Sequence
from typing import BinaryIO

from pipeline.runtime.bucket_archive import BucketArchive, Range, pread
from pipeline.runtime.photo_archive import PhotoArchive, damaged_archive


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """`size` bytes from `offset` of an open file; thread-safe, the file's position stays."""
    return _whole(pread(file, size, offset), file.name, offset, size)


def _whole(data: bytes, name: str, offset: int, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(
            f"{name} ends inside the photo at byte {offset:,}: got {len(data):,} of {size:,} "
            "bytes; the archive changed after it was indexed, run `dvc repro index`"
        )
    return data


def read_photos(archive: PhotoArchive, places: Sequence[Range]) -> Generator[bytes, None, None]:
    """As `read_at`, one photo after the other; from a bucket ahead of need."""
    if isinstance(archive, BucketArchive):
        yield from archive.read_ahead(places)
        return
    with archive.open("rb") as file:
        for offset, size in places:
            yield read_at(file, offset, size)


def read_photo_at(file: BinaryIO, offset: int, size: int, crc32: int) -> bytes:
    """As `read_at`, of a photo of the archive; ValueError where its bytes have another CRC-32."""
    data = read_at(file, offset, size)
    require_sound(data, crc32, file.name)
    return data


def require_sound(data: bytes, crc32: int, archive: PhotoArchive | str) -> None:
    """ValueError where a photo of the archive has another CRC-32."""
    if zlib.crc32(data) != crc32:
        raise damaged_archive(archive)
