"""Single photos in a folder of a bucket, read as the plain tar that they would make.

The headers of a tar follow from the members' names and sizes, so every byte of it is known to be
one of a header, of an object, or zero. The tar is nowhere; its bytes, and so its sum, are those of
the one that pipeline/photos/packing.py writes of the same photos.
"""

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.runtime.bucket_archive import (
    CHANGED,
    BucketArchive,
    Piece,
    Range,
    fetched,
    opened,
    summed,
    tried,
    version_of,
)
from pipeline.runtime.checksums import sha256_of

BLOCK, END, RECORD = tarfile.BLOCKSIZE, 2 * tarfile.BLOCKSIZE, tarfile.RECORDSIZE
SCHEMA = pa.schema(
    {
        "name": pa.string(),  # below the folder
        "size": pa.int64(),  # bytes
        "version": pa.string(),  # its ETag, or what the bucket has in its place
        "member": pa.string(),  # its name in the tar; null where it stays out
        "offset": pa.int64(),  # bytes; of its data in the tar
    }
)


class Object(NamedTuple):
    """An object below the folder."""

    size: int  # bytes
    version: str


@dataclass(frozen=True)
class BucketFolder(BucketArchive):
    """The objects below `url`, which ends in a slash; `version` is the sum of their list."""

    objects: Path  # their list, a table of SCHEMA: the members first, in the tar's order

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """As BucketArchive; a request for each object, or the part of it that is asked for."""
        layout = _layout(self)
        parts = [list(layout.parts(each)) for each in ranges]
        pieces = dict.fromkeys(part for each in parts for part in each if isinstance(part, Piece))
        got = fetched(self.url, pieces)
        return [
            b"".join(got[part] if isinstance(part, Piece) else part for part in each)
            for each in parts
        ]

    def require_unchanged(self) -> None:
        """As BucketArchive; lists the folder, by one request for 1,000 objects or more."""
        _require_noted(self)
        table = pq.read_table(self.objects, columns=["name", "size", "version"])
        noted, now = _by_name(table), list_objects(self.url)
        names = noted.keys() | now.keys()
        differing = sorted(name for name in names if noted.get(name) != now.get(name))
        if not differing:
            return
        name, num = differing[0], len(differing)
        what = "is gone" if name not in now else "was added" if name not in noted else "is another"
        more = f", the first of {num:,} objects that differ" if num > 1 else ""
        raise ValueError(f"{self.url}{name} {what}{more}: {CHANGED}")


class _Layout(NamedTuple):
    """Where what stands in the tar."""

    root: str  # of the objects' paths
    names: pa.StringArray
    members: pa.StringArray
    starts: np.ndarray  # of the headers; the last one is where the mark of the end begins
    offsets: np.ndarray  # of the data
    sizes: np.ndarray

    def parts(self, wanted: Range) -> Iterator[bytes | Piece]:
        """What follows one another in this range: bytes that are known, and others to fetch."""
        position, end = wanted.offset, wanted.offset + wanted.size
        number = int(np.searchsorted(self.starts, position, side="right")) - 1
        while position < end and number < len(self.names):
            start, offset = int(self.starts[number]), int(self.offsets[number])
            data_end, next_start = offset + int(self.sizes[number]), int(self.starts[number + 1])
            if position < offset:
                stop = min(end, offset)
                header = _header(self.members[number].as_py(), data_end - offset)
                yield header[position - start : stop - start]
                position = stop
            if position < (stop := min(end, data_end)):
                path = f"{self.root}/{self.names[number].as_py()}"
                yield Piece(path, position - offset, stop - offset)
                position = stop
            if position < (stop := min(end, next_start)):
                yield bytes(stop - position)
                position = stop
            number += 1
        yield bytes(end - position)


def _require_noted(folder: BucketFolder) -> None:
    """ValueError where the list of objects is not the one that was noted."""
    if not folder.objects.is_file() or sha256_of(folder.objects) != folder.version:
        raise ValueError(f"{folder.objects} is damaged: {CHANGED}")


@lru_cache(maxsize=1)
def _layout(folder: BucketFolder) -> _Layout:
    """Of the noted list, once a process: each of its parts of work asks for it."""
    _require_noted(folder)
    columns = ["name", "member", "offset", "size"]
    table = pq.read_table(folder.objects, columns=columns).combine_chunks()
    table = table.slice(0, len(table) - table["offset"].null_count)
    offsets, sizes = table["offset"].to_numpy(), table["size"].to_numpy()
    starts = np.concatenate([[0], offsets + -(-sizes // BLOCK) * BLOCK])
    _, root = _opened(folder.url)
    names, members = (table[name].chunk(0) for name in ("name", "member"))
    return _Layout(root, names, members, starts, offsets, sizes)


def _header(member: str, size: int) -> bytes:
    """As tarfile writes it of a member without clock or owner."""
    facts = tarfile.TarInfo(member)
    facts.size = size
    return facts.tobuf(tarfile.PAX_FORMAT)


def list_objects(url: str) -> dict[str, Object]:
    """What lies below the folder `url` now, by name, without the marks of empty folders.

    Raises ValueError where it cannot be listed, or there is nothing.
    """
    system, root = _opened(url)
    system.invalidate_cache()
    found: dict[str, dict[str, Any]] = tried(url, lambda: system.find(root, detail=True))
    system.invalidate_cache()  # which would keep all of it
    start = f"{root}/"
    below = {
        path[len(start) :]: info
        for path, info in found.items()
        if path.startswith(start) and info["type"] != "directory"
    }
    if not below:
        raise ValueError(f"{url} does not exist: look at the bucket and the name")
    return {
        name: Object(int(info["size"]), version_of(info))
        for name, info in below.items()
        if info["size"] or not f"/{name}".endswith("/")
    }


def first_bytes(url: str, sizes: Mapping[str, int], num_bytes: int) -> dict[str, bytes]:
    """The first `num_bytes`, or fewer, of the objects of these names and sizes."""
    _, root = _opened(url)
    pieces = {
        name: Piece(f"{root}/{name}", 0, min(size, num_bytes)) for name, size in sizes.items()
    }
    got = fetched(url, [piece for piece in pieces.values() if piece.end])
    return {name: got.get(piece, b"") for name, piece in pieces.items()}


def name_folder(
    url: str, objects: Mapping[str, Object], members: Sequence[tuple[str, str]], path: Path
) -> BucketFolder:
    """The folder at `url`, whose list it writes to `path`; all of it is read once, for the sum.

    `objects` are those of `list_objects`, `members` name and member of the ones that are packed, in
    the tar's order. Raises ValueError where one of them changes meanwhile.
    """
    offsets, end = [], 0
    for name, member in members:
        size = objects[name].size
        offsets.append(end + len(_header(member, size)))
        end = offsets[-1] + -(-size // BLOCK) * BLOCK
    packed = {name for name, _ in members}
    names = [name for name, _ in members] + sorted(objects.keys() - packed)
    num_others = len(names) - len(members)
    columns = {
        "name": names,
        "size": [objects[name].size for name in names],
        "version": [objects[name].version for name in names],
        "member": [member for _, member in members] + [None] * num_others,
        "offset": offsets + [None] * num_others,
    }
    pq.write_table(pa.table(columns, schema=SCHEMA), path, compression="zstd")
    num_bytes = -(-(end + END) // RECORD) * RECORD
    return summed(BucketFolder(url, num_bytes, sha256_of(path), "", path))


def _opened(url: str) -> tuple[Any, str]:
    """As `opened`; gcsfs keeps the slash at the end of a folder's name, others do not."""
    system, root = opened(url)
    return system, root.rstrip("/")


def _by_name(table: pa.Table) -> dict[str, Object]:
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return {name: Object(size, version) for name, size, version in rows}
