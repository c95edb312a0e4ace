"""Stage: the tar -> one row a photo (key, path, category, offset, size, crc32)."""

import json
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from threading import Event
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.params.index import IndexParams
from pipeline.params.section import closest, load
from pipeline.photos import photo_tables
from pipeline.photos.formats import HEAD_BYTES, LEFT_OUT, is_hidden, why_no_photo
from pipeline.photos.headers import Member, TarError, members
from pipeline.photos.keys import key_of
from pipeline.places365.categories import by_folder, categories, read_labels
from pipeline.runtime.bucket_archive import BucketArchive, Scan, pread
from pipeline.runtime.photo_archive import PhotoArchive, photo_archive, require_sound_archive
from pipeline.runtime.progress import say
from pipeline.runtime.scratch import published_together

# A photo's path, split at its slashes -> its category, or why it has none.
Categorize = Callable[[list[str]], tuple[str, str | None]]

# Written by the sources of Places365, whose names only mean something with the official lists.
PLACES_PART = "places365.json"
PLACES_LABELS = "places365_val.txt"
PLACES_PARTS = ("train", "val")


def run(data: Path = Path("data")) -> None:
    """Writes data/index/index.parquet and funnel.json (members by what became of them)."""
    params = load("index", IndexParams)
    archive = photo_archive(data)
    with _summed(archive) as scanned:
        rows, counts = scan(scanned, params, data / "download" / "lists")
    with published_together(data / "index") as out:
        photo_tables.write_pieces(rows, out / "index.parquet")
        (out / "funnel.json").write_text(json.dumps(counts, indent=2) + "\n")


@contextmanager
def _summed(archive: PhotoArchive) -> Iterator[PhotoArchive | Scan]:
    """What is to be scanned. Later stages hold each photo against its own sum, so that these have
    to be of sound photos: ValueError at the end, or in place of the block's own error, where the
    archive is not that of its sum. An interruption ends the summing too.
    """
    if isinstance(archive, BucketArchive):
        # It is read in one pass.
        passed = archive.scan()
        try:
            yield passed
        except Exception:
            passed.require_sound()
            raise
        except BaseException:
            passed.close()
            raise
        passed.require_sound()
        return
    # Beside the scan: both read the archive once, from the same pages.
    is_over = Event()
    with ThreadPoolExecutor(1) as beside:
        is_sound = beside.submit(require_sound_archive, archive, is_over)
        try:
            yield archive
            is_sound.result()
        except Exception:
            is_sound.result()
            raise
        finally:
            is_over.set()


def index(
    archive: PhotoArchive | Scan, params: IndexParams, lists: Path | None = None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """As `scan`, the rows in one table: for archives of which it fits into memory."""
    rows, counts = scan(archive, params, lists)
    return pd.concat(rows, ignore_index=True), counts


def scan(
    archive: PhotoArchive | Scan, params: IndexParams, lists: Path | None = None
) -> tuple[Iterator[pd.DataFrame], dict[str, int]]:
    """The photos of `archive` in order of path, in pieces, and all members counted by reason.

    `lists` is what the source knows beside the photos. Raises ValueError where the archive is no
    intact tar or no photo is left.
    """
    # What the source knows: categories by file name, and files that it has left out.
    labels: dict[str, str] = {}
    counts, unknown = Counter[str](), Counter[str]()
    if lists is not None and (lists / PLACES_LABELS).is_file():
        labels = read_labels(lists / PLACES_LABELS)
    if lists is not None and (lists / LEFT_OUT).is_file():
        counts.update(json.loads((lists / LEFT_OUT).read_text()))
    categorize = _categorize(lists, labels)

    # Every member is a photo or counted by why it is none.
    photos, unseen = _Photos(), set(labels)
    try:
        with archive.open("rb", buffering=0) as file:
            for member in members(archive):
                if member.kind == "folder":
                    continue
                parts, reason = _judge(member, file, params)
                unseen.discard(parts[-1])
                category = ""
                if reason is None:
                    category, reason = categorize(parts)
                if reason == "unknown_category":
                    unknown[category] += 1
                if reason is None:
                    data = pread(file, member.size, member.offset)
                    photos.add(member, category, zlib.crc32(data))
                else:
                    counts[reason] += 1
    except TarError as error:
        raise ValueError(
            f"{archive} is no intact plain tar: {error}; run `dvc repro -f download`"
        ) from error

    # What is wrong with all of them together.
    for name, num in unknown.most_common(5):
        say(
            f"index: {num:,} photos are of {name!r}, which is no category of Places365"
            f"{closest(name, list(by_folder()))}"
        )
    if labels:
        counts["labels_without_photo"] = len(unseen)
    if not photos.offsets:
        raise ValueError(
            f"{archive} holds no photo of params.yaml index.formats {params.formats}: "
            f"its members are {dict(counts)}"
        )
    order, num_copies = photos.order()
    counts["photos"] = len(order)
    if num_copies:
        counts["duplicate_path"] = num_copies
    return photos.pieces(order), dict(sorted(counts.items()))


class _Photos:
    """Columns in the archive's order, some 80 bytes a photo: objects would take 600."""

    def __init__(self) -> None:
        self.paths, self.path_ends = bytearray(), array("q", [0])
        self.category_codes: dict[str, int] = {}
        self.categories = array("i")
        self.offsets, self.sizes, self.sums = array("q"), array("q"), array("q")

    def add(self, member: Member, category: str, crc32: int) -> None:
        self.paths += member.name.encode()
        self.path_ends.append(len(self.paths))
        code = self.category_codes.setdefault(category, len(self.category_codes))
        self.categories.append(code)
        self.offsets.append(member.offset)
        self.sizes.append(member.size)
        self.sums.append(crc32)

    def order(self) -> tuple[np.ndarray, int]:
        """The photos' places by path, each path once, and how many are left out: all but the first.

        UTF-8 has the order of the letters' numbers, as Python's texts have.
        """
        paths = self._paths()
        order = pc.sort_indices(paths)  # a stable sort
        paths = paths.take(order)
        is_new = np.ones(len(paths), bool)
        is_new[1:] = pc.not_equal(paths[1:], paths[:-1]).to_numpy(zero_copy_only=False)
        return order.to_numpy()[is_new], len(paths) - int(is_new.sum())

    def _paths(self) -> pa.LargeStringArray:
        """Without a copy."""
        buffers = pa.py_buffer(self.path_ends), pa.py_buffer(self.paths)
        return pa.LargeStringArray.from_buffers(len(self.offsets), *buffers)

    def pieces(self, order: np.ndarray) -> Iterator[pd.DataFrame]:
        """The rows in `order`."""
        paths, names = self._paths(), np.array(list(self.category_codes), dtype=object)
        categories = np.asarray(self.categories)
        offsets, sizes = np.asarray(self.offsets), np.asarray(self.sizes)
        sums = np.asarray(self.sums)
        numbers = array("q")  # of the keys, which would take more memory
        for start in range(0, len(order), photo_tables.ROWS_AT_ONCE):
            places = order[start : start + photo_tables.ROWS_AT_ONCE]
            piece = pd.DataFrame({"path": paths.take(pa.array(places)).to_pylist()})
            piece.insert(0, "key", [key_of(path) for path in piece["path"]])
            piece["category"] = names[categories[places]]
            yield piece.assign(offset=offsets[places], size=sizes[places], crc32=sums[places])
            numbers.extend(map(hash, piece["key"]))
        assert len(np.unique(np.asarray(numbers))) == len(numbers), "no key twice"


def _judge(member: Member, file: BinaryIO, params: IndexParams) -> tuple[list[str], str | None]:
    """The parts of a member's path, and why it is no photo to use, or None."""
    name = member.name
    parts = name.split("/")
    if "" in parts or "." in parts:
        # Only where it has to: this takes longer than all the rest of a member.
        parts = list(PurePosixPath(name).parts)
    if member.kind != "file":
        return parts, "no_regular_file"
    # Bytes that are no UTF-8 come as lone surrogates, which no table can hold.
    is_text = name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)
    if name.startswith("/") or ".." in parts or len(parts) < 2 or not is_text:
        return parts, "unusable_name"
    if any(map(is_hidden, parts[1:])):
        return parts, "hidden_files"
    head = pread(file, min(HEAD_BYTES, member.size), member.offset)
    reason = why_no_photo(parts[-1], head, params.formats)
    if reason is None and member.size > params.max_bytes:
        reason = "too_large"
    return parts, reason


def _categorize(lists: Path | None, labels: dict[str, str]) -> Categorize:
    """How this source's archives tell the category."""
    if lists is None or not (lists / PLACES_PART).is_file():
        return category_of
    part = json.loads((lists / PLACES_PART).read_text())["part"]
    if labels:
        return partial(_labelled, labels, frozenset(categories()))
    return partial(_places_category, part, by_folder())


def category_of(parts: list[str]) -> tuple[str, str | None]:
    """All between the archive's root folder and the file's name: 75 Places names have 3 levels."""
    category = "/".join(parts[1:-1])
    return category, None if category else "unusable_name"


def _places_category(
    part: str, by_folder: dict[str, str], parts: list[str]
) -> tuple[str, str | None]:
    """As `category_of`, but only official names; the easy format puts the part before them."""
    folders = parts[1:-1]
    if folders and folders[0] in PLACES_PARTS:
        if folders[0] != part:
            return "", "other_part"
        folders = folders[1:]
    folder = "/".join(folders)
    category = by_folder.get(folder)
    return category or folder, None if category else "unknown_category"


def _labelled(
    labels: dict[str, str], known: frozenset[str], parts: list[str]
) -> tuple[str, str | None]:
    """The official label of a file's name."""
    category = labels.get(parts[-1])
    if category is None:
        return "", "no_label"
    return category, None if category in known else "unknown_category"
