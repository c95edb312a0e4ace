"""Stage: selected photos -> every person box at or above a low floor, hashes, size and status.

Expensive and done once; what counts as a person is decided by `filter_people`, in seconds. Workers
decode, hash and fit photos into squares, in memory that they share with this process, which asks
the model. The detector is shown the photo in full size: what scaled decoding would save shows in
the scores. Long photos are also shown in slices, see pipeline/detection/views.py.
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
from pipeline.detection.views import View, views
from pipeline.duplicates.descriptors import as_text, contrast, descriptor, shrunk
from pipeline.params.detect_people import DetectPeopleParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.photos.decoding import MAX_PIXELS, BrokenPhotoError, read_at, read_photo
from pipeline.runtime.photo_archive import photo_archive
from pipeline.runtime.progress import progress
from pipeline.runtime.score_store import FILE_NAME, ScoreStore
from pipeline.runtime.scratch import facts_of, fingerprint, publish, scratch, work_dir
from pipeline.runtime.workers import AHEAD, at_photo, clear_unfinished, in_order, make_part

if TYPE_CHECKING:
    from pipeline.detection.detector import Detections, Detector

# What a kill loses at most.
PHOTOS_PER_PART = 256
# What a worker prepares at a time.
PHOTOS_PER_CALL = 16
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

# A square for each photo of every call that is under way, calls x photos x size x size x 3; set by
# `_share` in each process, since shared memory is only handed over when a process starts.
_squares: np.ndarray | None = None


class Place(NamedTuple):
    """A photo in the archive."""

    key: str
    path: str
    offset: int
    size: int


@dataclass(frozen=True)
class Prepared:
    """A photo as a worker has left it."""

    key: str
    sha256: str
    finding: Finding
    is_known: bool  # the finding is from the store, and whole
    # What the model is asked about, in px of the image: the whole is in the photo's square, and
    # slices come along, since few photos have any.
    parts: list[View]
    slices: list[np.ndarray]


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
    """Writes people.parquet into `folder`; `selected` is a table of key, path, offset and size."""
    # The plan: parts of the table, each written whole; a former run may have made some.
    num_photos = photo_tables.num_rows(selected)
    starts = range(0, num_photos, PHOTOS_PER_PART)
    parts = [folder / "parts" / f"part-{number:06d}" for number in range(len(starts))]
    clear_unfinished(folder / "parts")
    is_missing = [not part.is_dir() for part in parts]
    missing = deque(compress(zip(parts, starts, strict=True), is_missing))
    pieces = photo_tables.read_pieces(selected, list(Place._fields))
    photos = compress(photo_tables.regroup(pieces, PHOTOS_PER_PART), is_missing)

    # Workers prepare some photos at a time. Where nothing else is asked for there are few beside a
    # model on the CPU: it takes all cores, and waits in every layer for the one a worker holds.
    workers, size = runtime.num_workers, None
    if detector is not None:
        size = detector.image_size
        if not runtime.workers and not detector.is_on_gpu:
            workers = max(1, workers // 4)

    # Their squares lie in memory shared with this process, with room for all that is begun.
    shape = (AHEAD * workers, PHOTOS_PER_CALL, size, size, 3) if size else (0,)
    share = partial(_share, RawArray(c_uint8, math.prod(shape)), shape)
    share()
    slice_ratio = detector.slice_ratio if detector else math.inf
    calls = (
        partial(
            _prepare,
            archive,
            store,
            list(map(Place._make, photo_tables.rows(chosen))),
            number,
            max_pixels,
            slice_ratio,
        )
        for number, chosen in enumerate(photo_tables.regroup(photos, PHOTOS_PER_CALL))
    )

    with (
        progress("detect_people", num_photos, "photos") as advance,
        closing(in_order(calls, workers, __name__, share)) as prepared,
    ):
        looked_at: Iterable[Prepared] = chain.from_iterable(prepared)
        if detector:
            looked_at = _looked_at(prepared, detector, runtime.detect_batch)
        rows: list[Prepared] = []
        for photo in looked_at:
            rows.append(photo)
            advance(1)

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


def _looked_at(
    calls: Iterable[list[Prepared]], detector: "Detector", detect_batch: int
) -> Iterator[Prepared]:
    """The photos of `calls` in their order, with the boxes of those that the model is asked about.

    Views are gathered until a batch is full, whatever photos they are of. One batch is asked about
    before the answers to the one before are sorted out: so a GPU works meanwhile.
    """
    num = detect_batch or detector.usual_batch
    batch = np.zeros((num, *[detector.image_size] * 2, 3), np.uint8)
    num_filled = 0
    waiting: deque[Prepared] = deque()
    under_way: deque[Detections] = deque()
    answers: deque[np.ndarray] = deque()

    def ready() -> Iterator[Prepared]:
        while waiting and len(answers) >= len(waiting[0].parts):
            photo = waiting.popleft()
            if photo.parts:
                finding, seen = photo.finding, [answers.popleft() for _ in photo.parts]
                size = finding["height"], finding["width"]
                boxes = detector.boxes(seen, photo.parts, size)
                finding["scores"] = [box.score for box in boxes]
                sides = ((box.top, box.left, box.height, box.width) for box in boxes)
                finding["boxes"] = list(chain.from_iterable(sides))
            yield photo

    for number, prepared in enumerate(calls):
        for photo, square in zip(prepared, squares_of(number), strict=False):
            waiting.append(photo)
            for view in [square, *photo.slices] if photo.parts else []:
                batch[num_filled] = view
                num_filled += 1
                if num_filled == len(batch):
                    under_way.append(detector.submit(batch))
                    num_filled = 0
                    if len(under_way) > 1:
                        answers.extend(under_way.popleft().wait())
        yield from ready()
    if num_filled:
        # The whole batch, also where few of its squares hold a view: one shape, one result.
        under_way.append(detector.submit(batch))
    for detections in under_way:
        answers.extend(detections.wait())
    yield from ready()
    assert not waiting, "every view has its answer"


def _write_rows(rows: list[Prepared], folder: Path) -> int:
    table = pd.DataFrame([{"key": row.key, "sha256": row.sha256, **row.finding} for row in rows])
    photo_tables.write_pieces([table], folder / "people.parquet", SCHEMA)
    return len(rows)


def _share(memory: Any, shape: tuple[int, ...]) -> None:
    """In each process: where photos are put, and seen by the detector."""
    global _squares
    _squares = np.frombuffer(memory, np.uint8).reshape(shape) if len(shape) > 1 else None


def squares_of(number: int) -> np.ndarray:
    """Where the images of call `number` lie; used again when those before it are done."""
    assert _squares is not None
    squares: np.ndarray = _squares[number % len(_squares)]
    return squares


def _prepare(
    archive: Path,
    store: ScoreStore,
    places: list[Place],
    number: int,
    max_pixels: int,
    slice_ratio: float,
) -> list[Prepared]:
    """In a worker: the photos of call `number`, hashed, and decoded where they are not known."""
    with archive.open("rb") as file:
        photos = [read_at(file, place.offset, place.size) for place in places]
    sums = [hashlib.sha256(photo).hexdigest() for photo in photos]
    known = store.find(sums)
    prepared = []
    for position, (place, data, sha256) in enumerate(zip(places, photos, sums, strict=True)):
        if sha256 in known:
            prepared.append(Prepared(place.key, sha256, known[sha256], True, [], []))
            continue
        with at_photo(place):
            square = None if _squares is None else squares_of(number)[position]
            described = _describe(data, square, max_pixels, slice_ratio)
        prepared.append(Prepared(place.key, sha256, described[0], False, *described[1:]))
    return prepared


def _describe(
    data: bytes, square: np.ndarray | None, max_pixels: int, slice_ratio: float
) -> tuple[Finding, list[View], list[np.ndarray]]:
    """All but the boxes, and what to ask the model about; the whole image goes into `square`."""
    finding: Finding = {"status": "ok", "error": "", "traits": "", "contrast": 0.0}
    finding |= {"perceptual_hash": "0" * 16, "descriptor": "", "height": 0, "width": 0}
    finding |= {"scores": [], "boxes": []}
    try:
        photo = read_photo(data, max_pixels=max_pixels)
    except BrokenPhotoError as error:
        return finding | {"status": error.status, "error": str(error)}, [], []
    parts: list[View] = []
    slices: list[np.ndarray] = []
    if square is not None:
        parts = views(photo.image.shape[:2], slice_ratio)
        slices = [np.empty_like(square) for _ in parts[1:]]
        for view, fitted in zip(parts, [square, *slices], strict=True):
            letterbox(view.of(photo.image), fitted)
    if photo.damage:
        finding |= {"status": "damaged", "error": photo.damage}
    small = shrunk(Image.fromarray(photo.image))
    finding["traits"], finding["contrast"] = " ".join(photo.traits), contrast(photo.image)
    finding["perceptual_hash"] = str(imagehash.phash(small))
    finding["descriptor"] = as_text(descriptor(small))
    finding["height"], finding["width"] = photo.size
    return finding, parts, slices
