"""The photos where they lie in a bucket: read by ranges and ahead of need, never copied.

By fsspec (https://filesystem-spec.readthedocs.io), which is imported where a bucket is named.
Credentials are those of the environment, as the bucket's own tools read them.
"""

import hashlib
import io
import json
import logging
import os
import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from pipeline.runtime.extras import require_extra
from pipeline.runtime.progress import progress

T = TypeVar("T")
# The bucket's part has no @: a name and a password do not belong into params.yaml.
URL = r"^$|^(s3|gs|memory|file)://[^@/\s]*/\S*$"
TAR_URL = r"^$|^(s3|gs|memory|file)://[^@/\s]*/\S*[^/\s]$"
MODULES = {"s3": "s3fs", "gs": "gcsfs"}
# Requests that are under way together; botocore's own limit is 10, gcsfs's 100.
OPTIONS = {"s3": {"config_kwargs": {"max_pool_connections": 64}}}
# What a request takes while the whole is read, and what is fetched ahead of need.
BLOCK = 8 << 20
# Photos of one request lie at most this far apart: a plain header, and what a block is filled with.
MAX_GAP = 1023
# A header is read again from where it starts; names and records take at most this before it.
LOOK_BACK = 1 << 20
# Seconds between tries; None ends them.
PAUSES = (0.5, 2, 8, None)
# Where it may lie.
LOOK_AT = {
    "s3": "look at the credentials in the environment, and at AWS_ENDPOINT_URL where the server is "
    "not Amazon's",
    "gs": "look at the credentials in the environment (GOOGLE_APPLICATION_CREDENTIALS)",
}
# What a bucket's file system tells of an object's version; the first that it has. Google's etag
# comes late: a change of the object's metadata changes it.
VERSIONS = ("md5Hash", "generation", "ETag", "etag", "mtime", "created")


class Range(NamedTuple):
    """Bytes of the archive."""

    offset: int
    size: int


class Piece(NamedTuple):
    """Bytes `start` to `end` of an object: what one request brings."""

    path: str
    start: int
    end: int


class BucketFile(io.RawIOBase):
    """A tar in a bucket as an open file; `pread` alone says how it is read."""

    def __init__(self, source: "BucketArchive | Scan") -> None:
        self.name, self.source, self.position = source.url, source, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.source.num_bytes}
        self.position = starts[whence] + offset
        return self.position

    def readinto(self, buffer: Any) -> int:
        data = self.source.pread(len(buffer), self.position)
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


def pread(file: BinaryIO | BucketFile, size: int, offset: int) -> bytes:
    """At most `size` bytes from `offset`, on a disk or in a bucket; fewer at the end."""
    if isinstance(file, BucketFile):
        return file.source.pread(size, offset)
    return os.pread(file.fileno(), size, offset)


@dataclass(frozen=True)
class BucketArchive(ABC):
    """A plain tar at `url`, as it was when it was named."""

    url: str
    num_bytes: int
    version: str  # of the object, or of the list of objects
    sha256: str  # of all bytes

    def __str__(self) -> str:
        return self.url

    @abstractmethod
    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """The bytes of each; requests are made together."""

    @abstractmethod
    def require_unchanged(self) -> None:
        """ValueError where the bucket has something else by now."""

    def open(self, mode: str = "rb", buffering: int = 0) -> BinaryIO:
        """As Path.open; each read is a request of its own."""
        assert mode == "rb", "nothing is written"
        return cast(BinaryIO, BucketFile(self))

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`."""
        size = min(size, self.num_bytes - offset)
        return self.read([Range(offset, size)])[0] if size > 0 else b""

    def read_ahead(self, ranges: Sequence[Range]) -> Iterator[bytes]:
        """As `read`, one after the other; the next BLOCK or so is fetched meanwhile."""
        groups: deque[list[Range]] = deque()
        for each in ranges:
            if not groups or sum(other.size for other in groups[-1]) + each.size > BLOCK:
                groups.append([])
            groups[-1].append(each)
        with ThreadPoolExecutor(1) as ahead:
            under_way = deque(ahead.submit(self.read, group) for group in _taken(groups, 2))
            while under_way:
                data = under_way.popleft().result()
                under_way.extend(ahead.submit(self.read, group) for group in _taken(groups, 1))
                yield from data

    def scan(self) -> "Scan":
        """For one pass from the start to the end."""
        return Scan(self)

    def write(self, path: Path) -> None:
        """A note of where it lies."""
        facts = {name: getattr(self, name) for name in NOTED}
        path.write_text(json.dumps(facts, indent=2) + "\n")


@dataclass(frozen=True)
class BucketTar(BucketArchive):
    """One object; `version` is its ETag, or what the bucket has in its place."""

    def read(self, ranges: Sequence[Range]) -> list[bytes]:
        """As BucketArchive; neighbours come by one request."""
        from fsspec.utils import merge_offset_ranges

        _, path = opened(self.url)
        wanted = sorted(each for each in ranges if each.size)
        starts = [each.offset for each in wanted]
        ends = [each.offset + each.size for each in wanted]
        merged = merge_offset_ranges(
            [path] * len(wanted), starts, ends, max_gap=MAX_GAP, max_block=BLOCK
        )
        pieces = [Piece(*each) for each in zip(*merged, strict=True)]
        parts = {piece.start: data for piece, data in fetched(self.url, pieces).items()}
        return [_cut(parts, each) for each in ranges]

    def require_unchanged(self) -> None:
        """As BucketArchive."""
        num_bytes, version = object_facts(self.url)
        if (num_bytes, version) != (self.num_bytes, self.version):
            raise ValueError(
                f"{self.url} has {num_bytes:,} bytes of the version {version}, but had "
                f"{self.num_bytes:,} of {self.version}: {CHANGED}"
            )


NOTED = {"url": str, "num_bytes": int, "version": str, "sha256": str}
CHANGED = "it has changed since `download`, run `dvc repro --force --single-item download`"


class Scan:
    """One pass over the object, block by block, with the next one under way; sums what it reads.

    Several files may be open on it: a block is fetched once for all of them.
    """

    def __init__(self, archive: BucketArchive) -> None:
        self.archive, self.url, self.num_bytes = archive, archive.url, archive.num_bytes
        self.sum = hashlib.sha256()
        self.window, self.start = bytearray(), 0  # the bytes at hand, and where they stand
        self.ahead = ThreadPoolExecutor(1)
        self.next = self.ahead.submit(archive.pread, BLOCK, 0)

    def __str__(self) -> str:
        return self.url

    def open(self, mode: str = "rb", buffering: int = 0) -> BinaryIO:
        """As Path.open."""
        return cast(BinaryIO, BucketFile(self))

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from `offset`, which is not far behind what was read last."""
        end = min(offset + size, self.num_bytes)
        while self.start + len(self.window) < end:
            self._fetch(offset)
        assert offset >= self.start, "one pass"
        return bytes(self.window[offset - self.start : max(offset, end) - self.start])

    def sha256(self) -> str:
        """Of the whole object; reads what is left of it."""
        while (position := self.start + len(self.window)) < self.num_bytes:
            self._fetch(position)
        return self.sum.hexdigest()

    def require_sound(self) -> None:
        """Reads what is left; ValueError where the bytes are not those of the archive's sum."""
        try:
            if self.sha256() != self.archive.sha256:
                raise ValueError(f"{self.url} is not the archive of the sum: {CHANGED}")
        finally:
            self.close()

    def close(self) -> None:
        """Waits for what is under way."""
        self.ahead.shutdown(cancel_futures=True)

    def _fetch(self, offset: int) -> None:
        """One more block; forgets what lies far before `offset`."""
        block = self.next.result()
        self.sum.update(block)
        past = min(max(0, offset - LOOK_BACK - self.start), len(self.window))
        del self.window[:past]
        self.start += past
        self.window += block
        self.next = self.ahead.submit(self.archive.pread, BLOCK, self.start + len(self.window))


ArchiveT = TypeVar("ArchiveT", bound=BucketArchive)


def name_tar(url: str, sha256: str | None = None, num_bytes: int | None = None) -> BucketTar:
    """The object at `url` as it is now; where no sum of it is known, all of it is read for one.

    Raises ValueError where it cannot be read, or has other than `num_bytes`.
    """
    seen, version = object_facts(url)
    if num_bytes not in (None, seen):
        raise ValueError(f"{url} has {seen:,} bytes, but the file that is pinned {num_bytes:,}")
    tar = BucketTar(url, seen, version, sha256 or "")
    return tar if sha256 else summed(tar)


def summed(archive: ArchiveT) -> ArchiveT:
    """With its sum, for which all of it is read."""
    scan, num_bytes = archive.scan(), archive.num_bytes
    try:
        with progress("download", num_bytes >> 20, "MiB") as advance:
            for start in range(0, num_bytes, BLOCK):
                scan.pread(BLOCK, start)
                advance((min(start + BLOCK, num_bytes) >> 20) - (start >> 20))
        archive = replace(archive, sha256=scan.sha256())
    finally:
        scan.close()
    archive.require_unchanged()
    return archive


def fetched(url: str, pieces: Collection[Piece]) -> dict[Piece, bytes]:
    """What they hold, by requests that are made together; of lost ones alone it is asked again.

    `url` is what the user knows of them. Raises ValueError where an object is gone or ends before.
    """
    system, _ = opened(url)
    got: dict[Piece, bytes] = {}

    def ask() -> None:
        missing = [piece for piece in pieces if piece not in got]
        paths, starts, ends = map(list, zip(*missing, strict=True))
        answers = system.cat_ranges(paths, starts, ends, on_error="return")
        faults = []
        for piece, answer in zip(missing, answers, strict=True):
            if isinstance(answer, BaseException) and not _is_beyond_the_end(answer):
                faults.append((piece, answer))
            else:
                got[piece] = answer if isinstance(answer, bytes) else b""
        for piece, fault in faults:
            if isinstance(fault, FileNotFoundError):
                raise ValueError(f"{_url_of(url, piece)} is gone: {CHANGED}")
        if faults:
            raise faults[0][1]

    if pieces:
        tried(url, ask)
    for piece, data in got.items():
        if len(data) != piece.end - piece.start:
            where = _url_of(url, piece)
            raise ValueError(f"{where} ends at byte {piece.start + len(data):,}: {CHANGED}")
    return got


def _is_beyond_the_end(fault: BaseException) -> bool:
    """Whether it is HTTP's 416, as botocore and gcsfs tell it: the object has become shorter."""
    answer = getattr(fault.__cause__, "response", {}).get("ResponseMetadata", {})
    return 416 in (answer.get("HTTPStatusCode"), getattr(fault, "code", None))


def _url_of(url: str, piece: Piece) -> str:
    return f"{url.partition('://')[0]}://{piece.path}"


def version_of(info: Mapping[str, Any]) -> str:
    """Of an object, as its file system describes it."""
    return next((str(info[name]) for name in VERSIONS if info.get(name)), "").strip('"')


def object_facts(url: str) -> tuple[int, str]:
    """Bytes and version of the object, from the bucket and not from a listing kept in memory."""
    system, path = opened(url)
    system.invalidate_cache()
    info = tried(url, lambda: system.info(path))
    if info["type"] != "file":
        raise ValueError(
            f"{url} is no object: name the tar itself, such as s3://bucket/photos.tar, or for a "
            "folder of single photos end the name in /"
        )
    return int(info["size"]), version_of(info)


def opened(url: str) -> tuple[Any, str]:
    """The file system and the path in it; one a process and bucket, which fsspec keeps."""
    protocol = url.partition("://")[0]
    if protocol in MODULES:
        require_extra("buckets", MODULES[protocol], what=url)
    from fsspec.core import url_to_fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if protocol == "s3" and endpoint and not endpoint.startswith(("http://", "https://")):
        raise ValueError(
            f"AWS_ENDPOINT_URL is {endpoint!r}, but must start with http:// or https://"
        )
    # It logs tracebacks of what is asked again, and of what is said in words at the end.
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    system, path = url_to_fs(url, **OPTIONS.get(protocol, {}))
    return system, str(path)


def tried(url: str, ask: Callable[[], T]) -> T:
    """What `ask` gets; a lost connection is asked again, and a refusal is said in the user's words.

    The file systems try again themselves, some five times and then no more.
    """
    place = LOOK_AT.get(url.partition("://")[0])
    look_at = f": {place}" if place else ""
    for pause in PAUSES:
        try:
            return ask()
        except FileNotFoundError:
            raise ValueError(f"{url} does not exist: look at the bucket and the name") from None
        except PermissionError as error:
            raise ValueError(f"{url} may not be read ({error}){look_at}") from None
        except _faults() as error:
            if pause is None:
                raise ValueError(f"{url} cannot be read ({error}){look_at}") from error
            time.sleep(pause)
    raise AssertionError("the last pause is None")


def _faults() -> tuple[type[Exception], ...]:
    """What file systems raise of a network; a library that was not loaded has raised nothing."""
    kinds: list[type[Exception]] = [OSError]
    for module, name in (
        ("aiohttp", "ClientError"),
        ("botocore.exceptions", "BotoCoreError"),
        ("gcsfs.retry", "HttpError"),
    ):
        if module in sys.modules:
            kinds.append(getattr(sys.modules[module], name))
    return tuple(kinds)


def _cut(parts: dict[int, bytes], wanted: Range) -> bytes:
    """From the part that holds it."""
    if not wanted.size:
        return b""
    start = max(start for start in parts if start <= wanted.offset)
    return parts[start][wanted.offset - start :][: wanted.size]


def _taken(groups: deque[list[Range]], num: int) -> list[list[Range]]:
    return [groups.popleft() for _ in range(min(num, len(groups)))]
