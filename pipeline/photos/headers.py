"""The headers of a plain tar, one member after the other; nothing of a photo is decoded or kept.

Python's tarfile takes three times as long (bench/index.py): it builds an object of twenty fields
a member, where `index` needs four.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

BLOCK = 512  # bytes; the unit of every tar
# What one system call reads. Photos are some 14 KB: reading through them is as fast as skipping
# from header to header on a disk, since the system then reads ahead.
WINDOW = 1 << 18
# A path of a megabyte is an attack, not a path.
MAX_EXTENSION = 1 << 20

Kind = Literal["file", "folder", "other"]

# Links, devices and pipes carry no data whatever their size says; a folder neither.
_WITHOUT_DATA = frozenset(b"123456")


class Member(NamedTuple):
    """One member of a tar. A name that is no UTF-8 holds lone surrogates, as tarfile's do."""

    name: str
    offset: int  # bytes; of the data
    size: int  # bytes
    kind: Kind


class TarError(ValueError):
    """The file is no intact plain tar; the message says where it ends to be one."""


def members(archive: Path) -> Iterator[Member]:
    """The members of `archive` in its order; long names of the GNU and pax formats are resolved.

    Sparse files, links and devices are `other`. Raises TarError where the bytes are no tar, a
    member reaches beyond the end of the file, or the mark of the end is missing.
    """
    with archive.open("rb", buffering=0) as file:
        yield from _Scan(file.fileno()).members()


class _Scan:
    """A walk over one open tar."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.num_bytes = os.fstat(descriptor).st_size
        self.window, self.window_start = b"", 0
        self.position = 0  # of the next header
        self.global_records: dict[str, str] = {}

    def members(self) -> Iterator[Member]:
        extension: dict[str, str] = {}
        while (header := self._header()) is not None:
            kind = header[156]
            size = _number(header[124:136], self.position)
            data = self.position + BLOCK
            if kind in b"xgLK":
                records = self._extension(kind, data, size)
                if kind == ord("g"):
                    self.global_records |= records
                else:
                    extension |= records
                self.position = data + _padded(size)
                continue
            yield self._member(header, data, size, self.global_records | extension)
            extension = {}

    def _header(self) -> bytes | None:
        """The block at `position`, its sum checked; None at the mark of the end."""
        header = self._block(self.position)
        if header[0] == 0 and not any(header):
            return None
        recorded = _number(header[148:156], self.position)
        # The sum counts its own eight bytes as spaces.
        if recorded != sum(header) - sum(header[148:156]) + 8 * 32:
            raise TarError(f"byte {self.position:,} starts no member: its checksum is wrong")
        return header

    def _block(self, position: int) -> bytes:
        start = position - self.window_start
        if not 0 <= start <= len(self.window) - BLOCK:
            self.window = os.pread(self.descriptor, WINDOW, position)
            self.window_start, start = position, 0
            if len(self.window) < BLOCK:
                raise TarError(
                    f"it stops at byte {self.num_bytes:,} without the mark of a tar's end, "
                    "so that the rest of it is missing"
                )
        return self.window[start : start + BLOCK]

    def _member(self, header: bytes, data: int, size: int, records: dict[str, str]) -> Member:
        """The member of `header`, and `position` moved behind its data."""
        kind = header[156]
        name = records.get("path") or _name(header)
        if "size" in records:
            size = _decimal(records["size"], self.position)
        is_sparse = kind == ord("S") or any(key.startswith("GNU.sparse.") for key in records)
        if kind == ord("S"):
            data = self._behind_sparse_map(header, data)
        if kind not in _WITHOUT_DATA and data + size > self.num_bytes:
            raise TarError(
                f"{name} at byte {data:,} has {size:,} bytes, but the file ends at byte "
                f"{self.num_bytes:,}"
            )
        self.position = data if kind in _WITHOUT_DATA else data + _padded(size)
        return Member(name, data, size, _kind(kind, name, is_sparse))

    def _behind_sparse_map(self, header: bytes, data: int) -> int:
        """Where the data starts: the old GNU format puts more of the map before it."""
        is_extended = header[482]
        while is_extended:
            is_extended = self._block(data)[504]
            data += BLOCK
        return data

    def _extension(self, kind: int, data: int, size: int) -> dict[str, str]:
        """What a member that only describes the next one says."""
        if size > MAX_EXTENSION:
            raise TarError(f"byte {self.position:,} has a name of {size:,} bytes")
        text = os.pread(self.descriptor, size, data)
        if len(text) < size:
            raise TarError(f"it ends inside the name at byte {data:,}")
        if kind == ord("K"):
            return {}
        if kind == ord("L"):
            return {"path": _text(text)}
        return _pax_records(text, data)


def _kind(kind: int, name: str, is_sparse: bool) -> Kind:
    if kind == ord("5") or (kind == 0 and name.endswith("/")):
        return "folder"
    # 7 is the contiguous file of old systems, an ordinary one elsewhere.
    return "file" if kind in b"0\x007" and not is_sparse else "other"


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _name(header: bytes) -> str:
    name = _text(header[:100])
    # GNU's own kinds keep other things where POSIX has the front part of a long name.
    if header[345] and header[156] != ord("S"):
        return f"{_text(header[345:500])}/{name}"
    return name


def _number(field: bytes, position: int) -> int:
    """A number of a header: octal digits, or binary where the first byte says so."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    digits = field.partition(b"\0")[0].strip()
    try:
        value = int(digits or b"0", 8)
    except ValueError:
        value = -1
    if value < 0:
        raise TarError(f"byte {position:,} starts no member: {digits!r} is no octal number")
    return value


def _decimal(text: str, position: int) -> int:
    if not (text.isascii() and text.isdigit()):
        raise TarError(f"the member at byte {position:,} has the size {text!r}")
    return int(text)


def _pax_records(text: bytes, data: int) -> dict[str, str]:
    """`length key=value` lines, where the length counts the whole line."""
    records: dict[str, str] = {}
    start = 0
    while start < len(text) and text[start]:
        digits = text[start : start + 8].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        line = text[start : start + length]
        key, equals, value = line[len(digits) + 1 : -1].partition(b"=")
        if not equals or len(line) != length or line[-1:] != b"\n":
            raise TarError(f"the extended header at byte {data:,} is malformed")
        records[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        start += length
    return records
