"""Stage: selected photos -> every person box at or above a low floor, hashes, size and status.

Expensive and done once; what counts as a person is decided by `filter_people`, in seconds. Workers
decode, hash and fit photos into squares, in memory that they share with this process, which asks
the model. The detector is shown the photo in full size: what scaled decoding would save shows in
the scores.
"""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
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
from pipeline.params.runtime import RuntimeParams, workers_of
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.photos.decoding import MAX_PIXELS, BrokenPhotoError, read_photo, read_photo_at
from pipeline.runtime.photo_archive import photo_archive
from pipeline.runtime.progress import progress
from pipeline.runtime.ray_cluster import RayCluster, through_actors
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
            from pipeline.detection.detector import precision_of

            remote = runtime.engine == "ray"
            detector = RemoteDetector(params, runtime) if remote else open_detector(params, runtime)
            # What weights find does not depend on where they lie.
            precision = {"precision": precision_of(detector.is_on_gpu)}
            settings = params.model_dump(exclude={"weights"}) | precision
        store = ScoreStore(work_dir() / FILE_NAME, fingerprint(facts_of(settings, CODE, [])))
        detect_people(archive, selected, folder, detector, store, runtime, params.max_pixels)
        publish(folder / "people.parquet", data / "detect_people" / "people.parquet")


@dataclass(frozen=True)
class RemoteDetector:
    """A detector that the actors of a Ray cluster open; the photos are sent to them."""

    params: DetectPeopleParams
    runtime: RuntimeParams

    @property
    def is_on_gpu(self) -> bool:
        """As the cluster's detectors are to be."""
        return self.runtime.ray.num_gpus > 0

    @property
    def usual_batch(self) -> int:
        """Photos a step, where nothing else is asked for."""
        from pipeline.detection.detector import usual_batch

        return usual_batch(self.is_on_gpu)

    @property
    def image_size(self) -> int:
        """px."""
        return self.params.image_size


def open_detector(
    params: DetectPeopleParams, runtime: RuntimeParams, device: str | None = None
) -> "Detector":
    """On `device`, or the one that `runtime` names."""
    from pipeline.detection.detector import Detector
    from pipeline.runtime.devices import choose_device, num_threads

    return Detector(
        params,
        device=choose_device(device or runtime.device),
        threads=num_threads(runtime.threads),
        downloads_dir=work_dir() / "weights",
    )


def detect_people(
    archive: Path,
    selected: Path,
    folder: Path,
    detector: "Detector | RemoteDetector | None",
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
    batch = runtime.detect_batch or (detector.usual_batch if detector else PHOTOS_PER_CALL)
    work = (
        Work(archive, store, list(map(Place._make, photo_tables.rows(chosen))), number, max_pixels)
        for number, chosen in enumerate(photo_tables.regroup(photos, batch))
    )
    described = (
        _detected_by_actors(work, batch, detector, runtime)
        if isinstance(detector, RemoteDetector)
        else _detected_here(work, batch, detector, runtime)
    )

    with progress("detect_people", num_photos, "photos") as advance, closing(described):
        rows: list[Prepared] = []
        for prepared in described:
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


def _detected_here(
    work: Iterator["Work"], batch: int, detector: "Detector | None", runtime: RuntimeParams
) -> Generator[list[Prepared], None, None]:
    """The photos of each batch with their boxes: workers prepare, this process asks the model."""
    # Where nothing else is asked for there are few workers beside a model on the CPU: it takes all
    # cores, and waits in every layer for the one a worker holds.
    workers = workers_of(runtime)
    if detector is not None and isinstance(workers, int):
        if not runtime.workers and not detector.is_on_gpu:
            workers = max(1, workers // 4)
    calls = (partial(_prepare, each) for each in work)
    if detector is None:
        yield from in_order(calls, workers, __name__, partial(_share, None, ()))
        return
    assert isinstance(workers, int), "a cluster has its own detectors"

    # Their squares lie in memory shared with this process, with room for all batches begun.
    shape = (AHEAD * workers, batch, *[detector.image_size] * 2, 3)
    share = partial(_share, RawArray(c_uint8, math.prod(shape)), shape)
    share()
    with closing(in_order(calls, workers, __name__, share)) as batches:
        for prepared, detections in _submitted(batches, detector):
            if detections is not None:
                _add_boxes(prepared, detections, detector)
            yield prepared


def _submitted(
    batches: Iterable[list[Prepared]], detector: "Detector"
) -> Iterator[tuple[list[Prepared], "Detections | None"]]:
    """Each batch with what the model was asked about it; the next one is asked about before.

    So a GPU works on one batch while the boxes of the one before are sorted out.
    """
    under_way: deque[tuple[list[Prepared], Detections | None]] = deque()
    for number, batch in enumerate(batches):
        under_way.append((batch, _asked(batch, squares_of(number), detector)))
        if len(under_way) > 1:
            yield under_way.popleft()
    yield from under_way


def _asked(batch: list[Prepared], squares: np.ndarray, detector: "Detector") -> "Detections | None":
    """What the model finds, where a photo of the batch awaits it."""
    if not any(photo.awaits_model for photo in batch):
        return None
    # All squares, also where few of them hold a photo: one shape, one result.
    return detector.submit(squares)


def _add_boxes(prepared: list[Prepared], detections: "Detections", detector: "Detector") -> None:
    """To the findings of the photos that the model was asked about."""
    seen = detections.wait()
    for number, photo in enumerate(prepared):
        if photo.awaits_model:
            finding = photo.finding
            boxes = detector.boxes(seen[number], finding["height"], finding["width"])
            finding["scores"] = [box.score for box in boxes]
            sides = ((box.top, box.left, box.height, box.width) for box in boxes)
            finding["boxes"] = list(chain.from_iterable(sides))


def _detected_by_actors(
    work: Iterator["Work"], batch: int, detector: RemoteDetector, runtime: RuntimeParams
) -> Generator[list[Prepared], None, None]:
    """As `_detected_here`, on a Ray cluster: tasks prepare, and send their squares to actors."""
    cluster = workers_of(runtime)
    assert isinstance(cluster, RayCluster)
    shape = (batch, *[detector.image_size] * 2, 3)
    calls = (partial(_prepare_apart, each, shape) for each in work)
    yield from through_actors(calls, cluster, partial(_boxes_added, detector))


def _boxes_added(
    remote: RemoteDetector,
) -> Callable[[tuple[list[Prepared], np.ndarray]], list[Prepared]]:
    """In an actor: opens the detector; gives what adds the boxes to a batch."""
    device = "cuda" if remote.is_on_gpu else "cpu"
    detector = open_detector(remote.params, remote.runtime, device)

    def add(batch: tuple[list[Prepared], np.ndarray]) -> list[Prepared]:
        prepared, squares = batch
        detections = _asked(prepared, squares, detector)
        if detections is not None:
            _add_boxes(prepared, detections, detector)
        return prepared

    return add


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


class Work(NamedTuple):
    """A batch of photos to prepare."""

    archive: Path
    store: ScoreStore
    places: list[Place]
    number: int
    max_pixels: int


def _prepare(work: Work) -> list[Prepared]:
    """In a worker: the batch, hashed, and where it is not known decoded and put in place."""
    with work.archive.open("rb") as file:
        photos = [read_photo_at(file, at.offset, at.size, at.crc32) for at in work.places]
    sums = [hashlib.sha256(photo).hexdigest() for photo in photos]
    known = work.store.find(sums)
    prepared = []
    for position, (place, data, sha256) in enumerate(zip(work.places, photos, sums, strict=True)):
        with at_photo(place):
            square = None if _squares is None else squares_of(work.number)[position]
            finding = known.get(sha256) or _describe(data, square, work.max_pixels)
        prepared.append(Prepared(place.key, sha256, finding, sha256 in known))
    return prepared


def _prepare_apart(work: Work, shape: tuple[int, ...]) -> tuple[list[Prepared], np.ndarray]:
    """In a task of a cluster: as `_prepare`, with the squares (batch x size x size x 3) beside."""
    global _squares
    _squares = np.zeros((1, *shape), np.uint8)
    return _prepare(work), _squares[0]


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
