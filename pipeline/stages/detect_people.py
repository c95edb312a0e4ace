"""Stage: selected photos -> every person box at or above a low floor, hashes, size and status.

Expensive and done once; what counts as a person is decided by `filter_people`, in seconds. Workers
decode, hash and fit photos into squares, in memory that they share with this process, which asks
the model. The detector is shown the photo in full size: what scaled decoding would save shows in
the scores.
"""

import hashlib
import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from ctypes import c_uint8
from dataclasses import dataclass
from functools import partial
from itertools import chain, compress
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import imagehash
import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from pipeline.detection.letterbox import letterbox
from pipeline.duplicates.descriptors import as_text, contrast, descriptor, shrunk
from pipeline.params.detect_people import DetectPeopleParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.photos.decoding import MAX_PIXELS, BrokenPhotoError, read_photo, read_photo_at
from pipeline.runtime.photo_archive import photo_archive
from pipeline.runtime.progress import progress
from pipeline.runtime.score_store import FILE_NAME, ScoreStore
from pipeline.runtime.scratch import facts_of, fingerprint, publish, scratch, work_dir
from pipeline.runtime.workers import AHEAD, at_photo, clear_unfinished, in_order, make_part

if TYPE_CHECKING:
    from pipeline.detection.detector import Detections, Detector

# What a kill loses at most.
PHOTOS_PER_PART = 256
# Of a worker, where no detector asks for another number.
PHOTOS_PER_CALL = 64
CODE = ["pipeline/stages/detect_people.py"]

SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "sha256": pa.string(),
        "status": pa.string(),  # ok, damaged, broken or unreadable_mode
        "error": pa.string(),  # the decoder's words, where it is not ok
        "traits": pa.string(),  # what was done to the colours, see pipeline/photos/decoding.py
        "contrast": pa.float64(),  # levels of 255
        "perceptual_hash": pa.string(),
        "descriptor": pa.string(),
        "height": pa.int64(),
        "width": pa.int64(),
        "scores": pa.list_(pa.float64()),
        "boxes": pa.list_(pa.float64()),  # top, left, height, width of each in turn, px
    }
)

# A row without its key: what the store keeps of a photo.
Finding = dict[str, Any]

# The squares of every batch that is under way, number of batches x batch x size x size x 3; set by
# `_share` in each process, since shared memory is only handed over when a process starts.
_squares: np.ndarray | None = None


class Place(NamedTuple):
    """A photo in the archive."""

    key: str
    path: str
    offset: int
    size: int
    crc32: int


@dataclass(frozen=True)
class Prepared:
    """A photo as a worker has left it."""

    key: str
    sha256: str
    finding: Finding
    is_known: bool  # the finding is from the store, and whole

    @property
    def awaits_model(self) -> bool:
        """Its image is in the square."""
        return not self.is_known and self.finding["height"] > 0


def run(data: Path = Path("data")) -> None:
    """Writes data/detect_people/people.parquet, a row a selected photo, in the same order."""
    params = load("detect_people", DetectPeopleParams)
    runtime = load("runtime", RuntimeParams)
    archive = photo_archive(data)
    selected = data / "filter_categories" / "selected.parquet"
    with scratch(
        "detect_people",
        params=params.model_dump(),
        code=CODE,
        inputs=[data / "download" / "photos.tar", selected],
    ) as folder:
        detector, settings = None, {"enabled": False, "max_pixels": params.max_pixels}
        if params.enabled:
            # Imported here: with detection off nobody waits for ultralytics, and workers never do.
            from pipeline.detection.detector import Detector
            from pipeline.runtime.devices import choose_device, num_threads

            device, threads = choose_device(runtime.device), num_threads(runtime.threads)
            detector = Detector(
                params, device=device, threads=threads, downloads_dir=work_dir() / "weights"
            )
            # What weights find does not depend on where they lie.
            settings = params.model_dump(exclude={"weights"}) | {"precision": detector.precision}
        store = ScoreStore(work_dir() / FILE_NAME, fingerprint(facts_of(settings, CODE, [])))
        detect_people(archive, selected, folder, detector, store, runtime, params.max_pixels)
        publish(folder / "people.parquet", data / "detect_people" / "people.parquet")


def detect_people(
    archive: Path,
    selected: Path,
    folder: Path,
    detector: "Detector | None",
    store: ScoreStore,
    runtime: RuntimeParams,
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Writes people.parquet into `folder`; `selected` is a table of Place's fields."""
    # The plan: parts of the table, each written whole; a former run may have made some.
    num_photos = photo_tables.num_rows(selected)
    starts = range(0, num_photos, PHOTOS_PER_PART)
    parts = [folder / "parts" / f"part-{number:06d}" for number in range(len(starts))]
    clear_unfinished(folder / "parts")
    is_missing = [not part.is_dir() for part in parts]
    missing = deque(compress(zip(parts, starts, strict=True), is_missing))
    pieces = photo_tables.read_pieces(selected, list(Place._fields))
    photos = compress(photo_tables.regroup(pieces, PHOTOS_PER_PART), is_missing)

    # Workers prepare batches of photos. Where nothing else is asked for there are few beside a
    # model on the CPU: it takes all cores, and waits in every layer for the one a worker holds.
    workers, batch = runtime.num_workers, runtime.detect_batch or PHOTOS_PER_CALL
    if detector is not None:
        batch = runtime.detect_batch or detector.usual_batch
        if not runtime.workers and not detector.is_on_gpu:
            workers = max(1, workers // 4)

    # Their squares lie in memory shared with this process, with room for all batches begun.
    shape = (AHEAD * workers, batch, *[detector.image_size] * 2, 3) if detector else (0,)
    share = partial(_share, RawArray(c_uint8, math.prod(shape)), shape)
    share()
    calls = (
        partial(
            _prepare,
            archive,
            store,
            list(map(Place._make, photo_tables.rows(chosen))),
            number,
            max_pixels,
        )
        for number, chosen in enumerate(photo_tables.regroup(photos, batch))
    )

    with (
        progress("detect_people", num_photos, "photos") as advance,
        closing(in_order(calls, workers, __name__, share)) as batches,
    ):
        rows: list[Prepared] = []
        for prepared, detections in _submitted(batches, detector):
            # The boxes of the photos that the model was asked about.
            seen = detections.wait() if detections else None
            for number, photo in enumerate(prepared):
                if detector and seen is not None and photo.awaits_model:
                    finding = photo.finding
                    boxes = detector.boxes(seen[number], finding["height"], finding["width"])
                    finding["scores"] = [box.score for box in boxes]
                    sides = ((box.top, box.left, box.height, box.width) for box in boxes)
                    finding["boxes"] = list(chain.from_iterable(sides))
            rows += prepared
            advance(len(prepared))

            # Whole parts are written, and what is new in them is kept for other selections.
            while missing and len(rows) >= min(PHOTOS_PER_PART, num_photos - missing[0][1]):
                part, rows = rows[:PHOTOS_PER_PART], rows[PHOTOS_PER_PART:]
                make_part(missing.popleft()[0], partial(_write_rows, part))
                store.add((row.sha256, row.finding) for row in part if not row.is_known)
        assert not rows and not missing, "every part has its rows"

    # The table: all parts in their order.
    people = folder / "people.parquet"
    made = (photo_tables.read(part / "people.parquet") for part in parts)
    photo_tables.write_pieces(made, people, SCHEMA)
    keys = (photo_tables.read_pieces(table, ["key"]) for table in (people, selected))
    for ours, theirs in zip(*keys, strict=True):
        assert list(ours["key"]) == list(theirs["key"]), "one row a photo, in order"


def _submitted(
    batches: Iterable[list[Prepared]], detector: "Detector | None"
) -> Iterator[tuple[list[Prepared], "Detections | None"]]:
    """Each batch with what the model was asked about it; the next one is asked about before.

    So a GPU works on one batch while the boxes of the one before are sorted out.
    """
    under_way: deque[tuple[list[Prepared], Detections | None]] = deque()
    for number, batch in enumerate(batches):
        detections = None
        if detector and any(photo.awaits_model for photo in batch):
            # All squares, also where few of them hold a photo: one shape, one result.
            detections = detector.submit(squares_of(number))
        under_way.append((batch, detections))
        if len(under_way) > 1:
            yield under_way.popleft()
    yield from under_way


def _write_rows(rows: list[Prepared], folder: Path) -> int:
    table = pd.DataFrame([{"key": row.key, "sha256": row.sha256, **row.finding} for row in rows])
    photo_tables.write_pieces([table], folder / "people.parquet", SCHEMA)
    return len(rows)


def _share(memory: Any, shape: tuple[int, ...]) -> None:
    """In each process: where photos are put, and seen by the detector."""
    global _squares
    _squares = np.frombuffer(memory, np.uint8).reshape(shape) if len(shape) > 1 else None


def squares_of(number: int) -> np.ndarray:
    """Where the images of batch `number` lie; used again when those before it are done."""
    assert _squares is not None
    squares: np.ndarray = _squares[number % len(_squares)]
    return squares


def _prepare(
    archive: Path, store: ScoreStore, places: list[Place], number: int, max_pixels: int
) -> list[Prepared]:
    """In a worker: batch `number`, hashed, and where it is not known decoded and put in place."""
    with archive.open("rb") as file:
        photos = [read_photo_at(file, place.offset, place.size, place.crc32) for place in places]
    sums = [hashlib.sha256(photo).hexdigest() for photo in photos]
    known = store.find(sums)
    prepared = []
    for position, (place, data, sha256) in enumerate(zip(places, photos, sums, strict=True)):
        with at_photo(place):
            square = None if _squares is None else squares_of(number)[position]
            finding = known.get(sha256) or _describe(data, square, max_pixels)
        prepared.append(Prepared(place.key, sha256, finding, sha256 in known))
    return prepared


def _describe(data: bytes, square: np.ndarray | None, max_pixels: int) -> Finding:
    """All but the boxes; the image, if it decodes, goes into `square`."""
    finding: Finding = {"status": "ok", "error": "", "traits": "", "contrast": 0.0}
    finding |= {"perceptual_hash": "0" * 16, "descriptor": "", "height": 0, "width": 0}
    finding |= {"scores": [], "boxes": []}
    try:
        photo = read_photo(data, max_pixels=max_pixels)
    except BrokenPhotoError as error:
        return finding | {"status": error.status, "error": str(error)}
    if square is not None:
        letterbox(photo.image, square)
    if photo.damage:
        finding |= {"status": "damaged", "error": photo.damage}
    small = shrunk(Image.fromarray(photo.image))
    finding["traits"], finding["contrast"] = " ".join(photo.traits), contrast(photo.image)
    finding["perceptual_hash"] = str(imagehash.phash(small))
    finding["descriptor"] = as_text(descriptor(small))
    finding["height"], finding["width"] = photo.size
    return finding
