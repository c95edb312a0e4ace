"""The headers of a plain tar, one member after the other; nothing of a photo is decoded or kept.

Python's tarfile reads them. It takes a damaged header for the end of the archive, ignores records
that it cannot read, and follows sizes below zero: all three are errors here.
"""

import os
import re
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple, Self

from pipeline.runtime.bucket_archive import Scan, pread
from pipeline.runtime.photo_archive import PhotoArchive

BLOCK = tarfile.BLOCKSIZE  # 512 bytes, the unit of every tar
# What one read of the file takes. Photos are some 14 KB: reading through them is as fast as
# skipping from header to header on a disk, since the system then reads ahead.
WINDOW = 1 << 18
# A path of more bytes is an attack, not a path; tarfile would also search it in quadratic time.
MAX_EXTENSION = 1 << 16
# Members that only describe the next one: long names, and records of the pax format.
PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
EXTENSIONS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, *PAX)
RECORD, OCTAL = re.compile(rb"(\d{1,8}) [^=]+="), re.compile(rb"[0-7]*")

Kind = Literal["file", "folder", "other"]


class Member(NamedTuple):
    """One member of a tar. A name that is no UTF-8 holds lone surrogates, as tarfile's do."""

    name: str
    offset: int  # bytes; of the data
    size: int  # bytes
    kind: Kind


class TarError(ValueError):
    """The file is no intact plain tar; the message says where it ends to be one."""


class _Header(tarfile.TarInfo):
    """A header whose size is sound, judged before anything is read by it."""

    __slots__ = ()

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise tarfile.HeaderError(f"its size {bytes(buf[124:136])!r} is no octal number")
        if header.type in EXTENSIONS and header.size > MAX_EXTENSION:
            raise tarfile.HeaderError(f"it has a name of {header.size:,} bytes")
        return header


def members(archive: PhotoArchive | Scan) -> Iterator[Member]:
    """The members of `archive` in its order; long names of the GNU and pax formats are resolved.

    Sparse files, links and devices are `other`. Raises TarError where the bytes are no tar, a
    member reaches beyond the end of the file, or the mark of the end is missing.
    """
    with archive.open("rb", buffering=WINDOW) as file:
        num_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        start = 0  # of the next header
        try:
            tar = tarfile.TarFile(
                fileobj=file, tarinfo=_Header, encoding="utf-8", errors="surrogateescape"
            )
            while (header := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # else it keeps every one
                if header.offset_data > start + BLOCK:
                    _check_headers(file, start)
                if tar.offset <= start or not header.pax_headers.get("size", "0").isdigit():
                    raise TarError(f"the extended header at byte {start:,} has no sound size")
                if tar.offset > num_bytes:
                    raise TarError(
                        f"{header.name} at byte {header.offset_data:,} has {header.size:,} bytes, "
                        f"but the file ends at byte {num_bytes:,}"
                    )
                yield _member(header, tar.offset)
                start = tar.offset
        except (TarError, OSError):
            raise
        # Malformed bytes reach tarfile's arithmetic: IndexError, RecursionError and others.
        except Exception as error:
            _check_headers(file, start)
            raise TarError(f"byte {start:,} starts no member: {error}") from error
        # For tarfile any damaged header is the end.
        _check_headers(file, start)


def _member(header: tarfile.TarInfo, end: int) -> Member:
    """`end`: where the blocks of its data do."""
    records = header.pax_headers
    if header.issparse() or any(key.startswith("GNU.sparse.") for key in records):
        # Its own size is that of the file with all gaps filled.
        return Member(header.name, header.offset_data, end - header.offset_data, "other")
    kind: Kind = "folder" if header.isdir() else "file" if header.isreg() else "other"
    return Member(header.name, header.offset_data, header.size, kind)


def _check_headers(file: BinaryIO, position: int) -> None:
    """Raises TarError unless at `position` stand sound headers of one member, or the tar's end."""
    while True:
        block = pread(file, BLOCK, position)
        if len(block) < BLOCK:
            raise TarError(
                f"it stops at byte {position + len(block):,} without the mark of a tar's end, so "
                "that the rest of it is missing"
            )
        if not any(block):
            return
        digits = block[148:156].strip(b"\0 ")
        if not OCTAL.fullmatch(digits):
            raise TarError(f"byte {position:,} starts no member: {digits!r} is no octal number")
        try:
            header = _Header.frombuf(block, encoding="utf-8", errors="surrogateescape")
        except tarfile.HeaderError as error:
            fault = "its checksum is wrong" if "checksum" in str(error) else str(error)
            raise TarError(f"byte {position:,} starts no member: {fault}") from None
        if header.type not in EXTENSIONS:
            return
        position += BLOCK
        if header.type in PAX:
            _check_records(pread(file, header.size, position), position)
        position += -(-header.size // BLOCK) * BLOCK


def _check_records(text: bytes, position: int) -> None:
    """Records are `length key=value` lines, where the length counts the whole line."""
    start = 0
    while start < len(text) and text[start]:
        record = RECORD.match(text, start)
        end = start + int(record[1]) if record else start
        if not start < end <= len(text) or text[end - 1 : end] != b"\n":
            raise TarError(f"the extended header at byte {position:,} is malformed")
        start = end
