"""Stage: selected photos -> every person box at or above a low floor, hashes, size and status.

Expensive and done once; what counts as a person is decided by `filter_people`, in seconds. Workers
decode, hash and fit photos into squares, in memory that they share with this process, which asks
the model. The detector is shown the photo in full size: what scaled decoding would save shows in
the scores. Long photos are also shown in slices, see pipeline/detection/views.py.
"""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from ctypes import c_uint8
from dataclasses import dataclass, replace
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
from pipeline.params.runtime import RuntimeParams, workers_of
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.photos.decoding import MAX_PIXELS, BrokenPhotoError, read_photo
from pipeline.photos.photo_bytes import read_photos, require_sound
from pipeline.runtime.bucket_archive import Range
from pipeline.runtime.photo_archive import PhotoArchive, photo_archive
from pipeline.runtime.progress import progress
from pipeline.runtime.ray_cluster import RayCluster, through_actors
from pipeline.runtime.score_store import FILE_NAME, ScoreStore
from pipeline.runtime.scratch import facts_of, fingerprint, publish, scratch, work_dir
from pipeline.runtime.workers import AHEAD, at_photo, in_order, keep_finished, make_part

if TYPE_CHECKING:
    from pipeline.detection.detector import Detections, Detector

# What a kill loses at most.
PHOTOS_PER_PART = 256
# What a worker prepares at a time; on a cluster, where a call is a batch, as many as that holds.
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
    crc32: int


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
        """Views a step, where nothing else is asked for."""
        from pipeline.detection.detector import usual_batch

        return usual_batch(self.is_on_gpu)

    @property
    def image_size(self) -> int:
        """px."""
        return self.params.image_size

    @property
    def slice_ratio(self) -> float:
        """Of long side by short one, from which photos are also looked at in slices."""
        return self.params.slice_ratio


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
    archive: PhotoArchive,
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
    keep_finished(folder / "parts")
    is_missing = [not part.is_dir() for part in parts]
    missing = deque(compress(zip(parts, starts, strict=True), is_missing))
    pieces = photo_tables.read_pieces(selected, list(Place._fields))
    photos = compress(photo_tables.regroup(pieces, PHOTOS_PER_PART), is_missing)
    per_call = PHOTOS_PER_CALL
    if isinstance(detector, RemoteDetector):
        per_call = runtime.detect_batch or detector.usual_batch
    slice_ratio = detector.slice_ratio if detector else math.inf
    work = (
        Work(archive, store, [*map(Place._make, rows)], number, max_pixels, slice_ratio)
        for number, rows in enumerate(
            map(photo_tables.rows, photo_tables.regroup(photos, per_call))
        )
    )
    described = (
        _described_by_actors(work, per_call, detector, runtime)
        if isinstance(detector, RemoteDetector)
        else _described_here(work, detector, runtime)
    )

    with progress("detect_people", num_photos, "photos") as advance, closing(described):
        rows: list[Prepared] = []
        for photo in described:
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


def _described_here(
    work: Iterator["Work"], detector: "Detector | None", runtime: RuntimeParams
) -> Generator[Prepared, None, None]:
    """The photos with their boxes: workers prepare them, this process asks the model."""
    workers = workers_of(runtime)
    calls = (partial(_prepare, each) for each in work)
    if detector is None:
        with closing(in_order(calls, workers, __name__, partial(_share, None, ()))) as prepared:
            yield from chain.from_iterable(prepared)
        return
    assert isinstance(workers, int), "a cluster has its own detectors"

    # Where nothing else is asked for there are few workers beside a model on the CPU: it takes all
    # cores, and waits in every layer for the one a worker holds.
    if not runtime.workers and not detector.is_on_gpu:
        workers = max(1, workers // 4)

    # Their squares lie in memory shared with this process, with room for all that is begun.
    shape = (AHEAD * workers, PHOTOS_PER_CALL, *[detector.image_size] * 2, 3)
    share = partial(_share, RawArray(c_uint8, math.prod(shape)), shape)
    share()
    with closing(in_order(calls, workers, __name__, share)) as prepared:
        placed = ((photos, squares_of(number)) for number, photos in enumerate(prepared))
        yield from _with_boxes(placed, detector, runtime.detect_batch)


def _with_boxes(
    calls: Iterable[tuple[list[Prepared], np.ndarray]], detector: "Detector", detect_batch: int
) -> Iterator[Prepared]:
    """The photos in their order, with the boxes of those that the model is asked about.

    Each call comes with its squares, one or more than it has photos.

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
            # Few photos have slices, but theirs would be held until the part is written.
            yield replace(photo, slices=[])

    for prepared, squares in calls:
        for photo, square in zip(prepared, squares, strict=False):
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


def _described_by_actors(
    work: Iterator["Work"], per_call: int, detector: RemoteDetector, runtime: RuntimeParams
) -> Generator[Prepared, None, None]:
    """As `_described_here`, on a Ray cluster: tasks prepare, and send their squares to actors."""
    cluster = workers_of(runtime)
    assert isinstance(cluster, RayCluster)
    shape = (per_call, *[detector.image_size] * 2, 3)
    calls = (partial(_prepare_apart, each, shape) for each in work)
    with closing(through_actors(calls, cluster, partial(_boxes_added, detector))) as described:
        yield from chain.from_iterable(described)


def _boxes_added(
    remote: RemoteDetector,
) -> Callable[[tuple[list[Prepared], np.ndarray]], list[Prepared]]:
    """In an actor: opens the detector; gives what adds the boxes to a call's photos."""
    device = "cuda" if remote.is_on_gpu else "cpu"
    detector = open_detector(remote.params, remote.runtime, device)

    def add(call: tuple[list[Prepared], np.ndarray]) -> list[Prepared]:
        return list(_with_boxes([call], detector, remote.runtime.detect_batch))

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
    """Where the images of call `number` lie; used again when those before it are done."""
    assert _squares is not None
    squares: np.ndarray = _squares[number % len(_squares)]
    return squares


class Work(NamedTuple):
    """The photos of a call."""

    archive: PhotoArchive
    store: ScoreStore
    places: list[Place]
    number: int
    max_pixels: int
    slice_ratio: float


def _prepare(work: Work) -> list[Prepared]:
    """In a worker: the photos, hashed, and where they are not known decoded and put in place."""
    photos = [*read_photos(work.archive, [Range(at.offset, at.size) for at in work.places])]
    for place, data in zip(work.places, photos, strict=True):
        require_sound(data, place.crc32, work.archive)
    sums = [hashlib.sha256(photo).hexdigest() for photo in photos]
    known = work.store.find(sums)
    prepared = []
    for position, (place, data, sha256) in enumerate(zip(work.places, photos, sums, strict=True)):
        if sha256 in known:
            prepared.append(Prepared(place.key, sha256, known[sha256], True, [], []))
            continue
        with at_photo(place):
            square = None if _squares is None else squares_of(work.number)[position]
            described = _describe(data, square, work.max_pixels, work.slice_ratio)
        prepared.append(Prepared(place.key, sha256, described[0], False, *described[1:]))
    return prepared


def _prepare_apart(work: Work, shape: tuple[int, ...]) -> tuple[list[Prepared], np.ndarray]:
    """In a task of a cluster: as `_prepare`, with the squares (photos x size x size x 3) beside."""
    global _squares
    _squares = np.zeros((1, *shape), np.uint8)
    return _prepare(work), _squares[0]


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
