"""Runs the stages on painted photos for some seconds, to say how long real ones will take."""

import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops
from ruamel.yaml import YAML

from pipeline.config.whole import WholeParams
from pipeline.params.section import PARAMS_PATH
from pipeline.photos.packing import add, new_archive
from pipeline.runtime.scratch import work_dir
from pipeline.sources.synthetic.options import SyntheticOptions

LIMIT_SECONDS = 20.0
NUM_PAINTED = 16
# What is asked of each run: photos in its archive, and of them those that are selected.
SMALL, LARGE = (64, 32), (2048, 256)
DETECTED = (4, 16)  # photos, on a CPU; a GPU takes whole batches
DETECTED_ON_GPU = (256, 2048)
NUM_PICTURES = 1024  # that the scene network sees
TRAIN_SECONDS = 3
MANY, REST = "many", "rest"  # categories
DATA_STAGES = ("index", "filter_categories", "detect_people", "filter_people", "downscale", "crop")


class Rates(dict[str, float]):
    """Seconds a photo by stage (trainings: an image); one that could not be measured is absent."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[str, str] = {}  # stage -> why it is absent
        self.seconds = 0.0  # that the measurement took


def measure(params: WholeParams, size: tuple[int, int], weights: Path | None) -> Rates:
    """Seconds a photo of `size` (width, height) px, with the stages as they are.

    `weights` is None where the detector's are not here. Two runs of different sizes tell what a
    photo costs from what a start costs. Begins nothing more after LIMIT_SECONDS.
    """
    # Imported before anything is timed.
    for stage in (*DATA_STAGES, "train_features", "train", "evaluate", "report"):
        import_module(f"pipeline.stages.{stage}")
    rates, begun = Rates(), time.monotonic()
    photos, rates["download"] = _painted(size, params.runtime.num_workers)
    folder = work_dir().absolute() / "plan" / "sample"
    shutil.rmtree(folder, ignore_errors=True)
    small, large = _Line(folder / "small", params), _Line(folder / "large", params)
    small.write_archive(photos, *SMALL)
    large.write_archive(photos, *LARGE)
    for stage in DATA_STAGES:
        small.seconds(stage)  # warms up
        # What the archive's members cost is seen by the stage that reads all of them.
        num_photos = 0 if stage == "index" else 1
        seconds = (small.seconds(stage), large.seconds(stage))
        rates[stage] = _slope(seconds, (SMALL[num_photos], LARGE[num_photos]))
    steps: dict[str, Callable[[], None]] = {
        "detect_people": partial(_detection, large, params, weights, rates),
        "train_features": partial(_features, large, rates),
        "train": partial(_training, large, rates),
        "evaluate": partial(_evaluation, small, large, rates),
        "report": partial(_report, large, params.evaluate.num_grid, rates),
    }
    for stage, step in steps.items():
        if time.monotonic() - begun < LIMIT_SECONDS:
            step()
        else:
            rates.pop(stage, None)
            rates.reasons[stage] = f"not measured within {LIMIT_SECONDS:.0f} s"
    shutil.rmtree(folder)
    rates.seconds = time.monotonic() - begun
    return rates


def _slope(seconds: Sequence[float], numbers: Sequence[int]) -> float:
    """Seconds a photo; never below a microsecond, which noise could make negative."""
    return max((seconds[1] - seconds[0]) / (numbers[1] - numbers[0]), 1e-6)


def _painted(size: tuple[int, int], num_workers: int) -> tuple[list[bytes], float]:
    """JPEGs of `size`, and the seconds that painting one takes with all workers at it."""
    from pipeline.sources.synthetic.source import encode

    none = {"people_share": 0.0, "copy_share": 0.0, "greyscale_share": 0.0}
    options = SyntheticOptions(
        num_photos=NUM_PAINTED, seed=0, cmyk_share=0.0, broken_share=0.0, **none
    )
    begun = time.monotonic()
    photos = [encode(number, options)[0] for number in range(NUM_PAINTED)]
    seconds = (time.monotonic() - begun) / NUM_PAINTED / num_workers
    return [
        _varied(photos[number % NUM_PAINTED], number, size) for number in range(LARGE[1])
    ], seconds


def _varied(photo: bytes, number: int, size: tuple[int, int]) -> bytes:
    """A photo like no other: painting takes longer than all that is measured."""
    image = Image.open(io.BytesIO(photo)).resize(size)
    moved = ImageChops.offset(image, number * 37 % size[0], number * 53 % size[1])
    buffer = io.BytesIO()
    moved.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _detection(line: "_Line", params: WholeParams, weights: Path | None, rates: Rates) -> None:
    """With the detector, where there is one."""
    if not params.detect_people.enabled:
        return
    if weights is None:
        rates.pop("detect_people")
        rates.reasons["detect_people"] = f"{params.detect_people.weights} is not here yet"
        return
    from pipeline.runtime.devices import choose_device

    on_gpu = choose_device(params.runtime.device).type == "cuda"
    numbers = DETECTED_ON_GPU if on_gpu else DETECTED
    line.set("detect_people", enabled=True, weights=str(weights))
    line.detect(1)  # loads what is loaded once
    rates["detect_people"] = _slope([line.detect(number) for number in numbers], numbers)


def _features(line: "_Line", rates: Rates) -> None:
    line.set("train_features", images=NUM_PICTURES)
    rates["train_features"] = line.seconds("train_features") / NUM_PICTURES


def _training(line: "_Line", rates: Rates) -> None:
    line.set("train", budget=f"{TRAIN_SECONDS / 60} minutes")
    line.seconds("train")
    config = json.loads((line.folder / "data/train/config.json").read_text())
    rates["train"] = TRAIN_SECONDS / config["num_images"]


def _evaluation(small: "_Line", large: "_Line", rates: Rates) -> None:
    """Tables and grids cost the same for any number of photos: the two runs' difference counts."""
    if not {"train_features", "train"} <= set(rates):
        rates.reasons["evaluate"] = "needs the trainings"
        return
    for stage in ("train_features", "train"):
        shutil.copytree(large.folder / "data" / stage, small.folder / "data" / stage)
    seconds, numbers = [], []
    for line in (small, large):
        seconds.append(line.seconds("evaluate"))
        metrics = json.loads((line.folder / "data/evaluate/figures.json").read_text())
        numbers.append(metrics["num_photos"])
    rates["evaluate"] = _slope(seconds, numbers)


def _report(line: "_Line", num_shown: int, rates: Rates) -> None:
    """A page costs what it shows, however many photos there are."""
    if "evaluate" not in rates:
        rates.reasons["report"] = "needs the evaluation"
        return
    rates["report"] = line.seconds("report") / num_shown


class _Line:
    """A project of its own with an archive of painted photos, in the scratch folder."""

    def __init__(self, folder: Path, params: WholeParams) -> None:
        self.folder = folder
        self._values: dict[str, Any] = params.model_dump()
        self.set("detect_people", enabled=False)
        self.set("filter_people", num_thumbnails=0, val_share=0.1, test_share=0.06)
        often = {"sample_every": 10**6, "checkpoint_every": 10**6, "log_every": 10}
        self.set("train", **often, patience_images=0, select="last")
        self.set("runtime", processes=1, trackers=[])

    def set(self, section: str, **changes: Any) -> None:
        self._values[section] = self._values[section] | changes

    def write_archive(self, photos: Sequence[bytes], num: int, num_selected: int) -> None:
        """`num` members of which `num_selected` are in one category; no two have the same bytes."""
        download = self.folder / "data/download"
        (download / "lists").mkdir(parents=True)
        archive = self.folder / ".work/photos/0.tar"
        archive.parent.mkdir(parents=True)
        with new_archive(archive) as tar:
            for number in range(num):
                category = MANY if number < num_selected else REST
                # Behind a JPEG's end nobody reads on.
                data = photos[number % len(photos)] + number.to_bytes(4)
                add(tar, f"data_256/{category}/{number:06d}.jpg", data)
        (download / "photos.tar.sha256").write_text("0  photos.tar\n")
        self.set("filter_categories", categories=[MANY])
        self.set("index", formats=["jpeg"], max_bytes=10**9)

    def seconds(self, stage: str) -> float:
        """Runs the stage; how long it took."""
        YAML(typ="safe").dump(self._values, self.folder / PARAMS_PATH)
        with _inside(self.folder), redirect_stderr(io.StringIO()):
            begun = time.monotonic()
            import_module(f"pipeline.stages.{stage}").run()
            return time.monotonic() - begun

    def detect(self, num: int) -> float:
        """Seconds of `detect_people` on the first photos alone."""
        from pipeline.photos import photo_tables

        path = self.folder / "data/index/index.parquet"
        selected = self.folder / "data/filter_categories/selected.parquet"
        photo_tables.write(photo_tables.read(path).head(num), selected)
        return self.seconds("detect_people")


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """In `folder` as if it were the project, its scratch folder included."""
    before = os.environ.get("DVC_ROOT")
    os.environ["DVC_ROOT"] = str(folder)
    try:
        with chdir(folder):
            yield
    finally:
        if before is None:
            del os.environ["DVC_ROOT"]
        else:
            os.environ["DVC_ROOT"] = before
