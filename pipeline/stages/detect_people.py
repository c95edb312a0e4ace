"""Stage: selected photos -> every person box at or above a low floor, hashes, size and status.

Expensive and done once; what counts as a person is decided by `filter_people`, in seconds. Workers
decode, hash and fit photos into squares, in memory that they share with this process, which asks
the model. The detector is shown the photo in full size: what scaled decoding would save shows in
the scores.
"""

import hashlib
import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from ctypes import c_uint8
from dataclasses import dataclass
from functools import partial
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import imagehash
import numpy as np
import pandas as pd
import pyarrow as pa
from PIL import Image

from pipeline.detection.letterbox import letterbox
from pipeline.duplicates.descriptors import as_text, descriptor, shrunk
from pipeline.params.detect_people import DetectPeopleParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.photos.decoding import BrokenPhotoError, pixels, read_at
from pipeline.runtime.progress import Advance, progress
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
        "status": pa.string(),  # ok or broken
        "error": pa.string(),
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
# `_share` in each process.
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

    @property
    def awaits_model(self) -> bool:
        """Its picture is in the square."""
        return not self.is_known and self.finding["status"] == "ok"


def run(data: Path = Path("data")) -> None:
    """Writes data/detect_people/people.parquet, a row a selected photo, in the same order."""
    params = load("detect_people", DetectPeopleParams)
    runtime = load("runtime", RuntimeParams)
    archive, selected = (
        data / "download" / "photos.tar",
        data / "filter_categories" / "selected.parquet",
    )
    with scratch(
        "detect_people", params=params.model_dump(), code=CODE, inputs=[archive, selected]
    ) as folder:
        detector = _detector(params, runtime) if params.enabled else None
        detect_people(archive, selected, folder, detector, _store(params, detector), runtime)
        publish(folder / "people.parquet", data / "detect_people" / "people.parquet")


def _detector(params: DetectPeopleParams, runtime: RuntimeParams) -> "Detector":
    # Imported here: with detection off nobody waits for ultralytics, and workers never do.
    from pipeline.detection.detector import Detector
    from pipeline.runtime.devices import choose_device, num_threads

    return Detector(
        params,
        device=choose_device(runtime.device),
        threads=num_threads(runtime.threads),
        downloads_dir=work_dir() / "weights",
    )


def _store(params: DetectPeopleParams, detector: "Detector | None") -> ScoreStore:
    """The findings of these weights, wherever they lie, under these settings and by this code."""
    settings: dict[str, Any] = {"enabled": False}
    if detector:
        settings = params.model_dump(exclude={"weights"}) | {"precision": detector.precision}
    return ScoreStore(work_dir() / FILE_NAME, fingerprint(facts_of(settings, CODE, [])))


def detect_people(
    archive: Path,
    selected: Path,
    folder: Path,
    detector: "Detector | None",
    store: ScoreStore,
    runtime: RuntimeParams,
) -> None:
    """Writes people.parquet into `folder`; `selected` is a table of key, path, offset and size."""
    parts = folder / "parts"
    clear_unfinished(parts)
    names: list[str] = []
    missing: deque[tuple[str, int]] = deque()
    with progress("detect_people", photo_tables.num_rows(selected), "photos") as advance:
        photos = _photos_of_missing(parts, selected, names, missing)
        rows: list[Prepared] = []
        with closing(_look_at(photos, archive, detector, store, runtime, advance)) as looked_at:
            for photo in looked_at:
                rows.append(photo)
                if len(rows) == missing[0][1]:
                    make_part(parts / missing.popleft()[0], partial(_write_rows, rows))
                    store.add((row.sha256, row.finding) for row in rows if not row.is_known)
                    rows = []
    assert not rows and not missing, "every part has its rows"
    people = folder / "people.parquet"
    made = (photo_tables.read(parts / name / "people.parquet") for name in names)
    photo_tables.write_pieces(made, people, SCHEMA)
    for ours, theirs in zip(_keys(people), _keys(selected), strict=True):
        assert ours == theirs, "one row a photo, in order"


def _keys(table: Path) -> Iterator[list[str]]:
    return (list(piece["key"]) for piece in photo_tables.read_pieces(table, ["key"]))


def _photos_of_missing(
    parts: Path, selected: Path, names: list[str], missing: deque[tuple[str, int]]
) -> Iterator[pd.DataFrame]:
    """The photos of the parts that are not there; all names go into `names`.

    Names and numbers of photos of those not there go into `missing`.
    """
    pieces = photo_tables.read_pieces(selected, list(Place._fields))
    for number, photos in enumerate(photo_tables.regroup(pieces, PHOTOS_PER_PART)):
        names.append(f"part-{number:06d}")
        if not (parts / names[-1]).is_dir():
            missing.append((names[-1], len(photos)))
            yield photos


def _write_rows(rows: list[Prepared], folder: Path) -> int:
    table = pd.DataFrame([{"key": row.key, "sha256": row.sha256, **row.finding} for row in rows])
    photo_tables.write_pieces([table], folder / "people.parquet", SCHEMA)
    return len(rows)


def _look_at(
    photos: Iterable[pd.DataFrame],
    archive: Path,
    detector: "Detector | None",
    store: ScoreStore,
    runtime: RuntimeParams,
    advance: Advance,
) -> Generator[Prepared, None, None]:
    """The photos in their order, with all their findings.

    While a GPU works on one batch, the boxes of the one before are sorted out.
    """
    batch = runtime.detect_batch or (detector.usual_batch if detector else PHOTOS_PER_CALL)
    workers = _num_workers(runtime, detector)
    num_slots = AHEAD * workers
    shape = (num_slots, batch, *[detector.image_size] * 2, 3) if detector else (0,)
    share = partial(_share, RawArray(c_uint8, math.prod(shape)), shape)
    share()
    calls = (
        partial(
            _prepare, archive, store, [Place(*row) for row in photo_tables.rows(chosen)], number
        )
        for number, chosen in enumerate(photo_tables.regroup(photos, batch))
    )
    under_way: deque[tuple[list[Prepared], Detections | None]] = deque()
    with closing(in_order(calls, workers, __name__, share)) as chunks:
        for number, chunk in enumerate(chunks):
            look = None
            if detector and any(photo.awaits_model for photo in chunk):
                # All squares, also where few of them hold a photo: one shape, one result.
                look = detector.submit(squares_of(number))
            under_way.append((chunk, look))
            if len(under_way) > 1:
                yield from _found(*under_way.popleft(), detector, advance)
    while under_way:
        yield from _found(*under_way.popleft(), detector, advance)


def _num_workers(runtime: RuntimeParams, detector: "Detector | None") -> int:
    """Where nothing else is asked for, few beside a model on the CPU.

    It takes all cores, and waits in every layer for the one that a worker holds.
    """
    if runtime.workers or detector is None or detector.is_on_gpu:
        return runtime.num_workers
    return max(1, runtime.num_workers // 4)


def _found(
    chunk: list[Prepared], look: "Detections | None", detector: "Detector | None", advance: Advance
) -> Iterator[Prepared]:
    """The chunk's photos, once their boxes are known."""
    seen = look.wait() if look else None
    for number, photo in enumerate(chunk):
        finding = photo.finding
        if detector and seen is not None and photo.awaits_model:
            boxes = detector.boxes(seen[number], finding["height"], finding["width"])
            finding["scores"] = [box.score for box in boxes]
            finding["boxes"] = [
                side for box in boxes for side in (box.top, box.left, box.height, box.width)
            ]
        yield photo
    advance(len(chunk))


def _share(memory: Any, shape: tuple[int, ...]) -> None:
    """In each process: where photos are put, and seen by the detector."""
    global _squares
    _squares = np.frombuffer(memory, np.uint8).reshape(shape) if len(shape) > 1 else None


def squares_of(number: int) -> np.ndarray:
    """Where the pictures of batch `number` lie; used again when those before it are done."""
    assert _squares is not None
    squares: np.ndarray = _squares[number % len(_squares)]
    return squares


def _prepare(archive: Path, store: ScoreStore, places: list[Place], number: int) -> list[Prepared]:
    """In a worker: batch `number`, hashed, and where it is not known decoded and put in place."""
    with archive.open("rb") as file:
        photos = [read_at(file, place.offset, place.size) for place in places]
    sums = [hashlib.sha256(photo).hexdigest() for photo in photos]
    known = store.find(sums)
    prepared = []
    for position, (place, data, sha256) in enumerate(zip(places, photos, sums, strict=True)):
        with at_photo(place):
            square = None if _squares is None else squares_of(number)[position]
            finding = known.get(sha256) or _describe(data, square)
        prepared.append(Prepared(place.key, sha256, finding, sha256 in known))
    return prepared


def _describe(data: bytes, square: np.ndarray | None) -> Finding:
    """All but the boxes; the picture, if it decodes, goes into `square`."""
    nobody: Finding = {"scores": [], "boxes": []}
    try:
        image = pixels(data)
    except BrokenPhotoError as error:
        lost = {"status": "broken", "error": str(error)}
        return lost | {"perceptual_hash": "0" * 16, "descriptor": ""} | _size(0, 0) | nobody
    if square is not None:
        letterbox(image, square)
    photo = shrunk(Image.fromarray(image))
    looks = {"perceptual_hash": str(imagehash.phash(photo))}
    looks |= {"descriptor": as_text(descriptor(photo))}
    return {"status": "ok", "error": ""} | looks | _size(*image.shape[:2]) | nobody


def _size(height: int, width: int) -> Finding:
    return {"height": height, "width": width}
