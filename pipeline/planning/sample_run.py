"""Runs the stages on painted photos for a minute or two, to say how long real ones will take."""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image, ImageChops
from ruamel.yaml import YAML

from pipeline.config.whole import WholeParams
from pipeline.params.detect_people import DetectPeopleParams
from pipeline.params.section import PARAMS_PATH
from pipeline.photos.packing import add, new_archive
from pipeline.planning.cost import Cost, fitted, flat, timed_rounds
from pipeline.planning.expected import Expected
from pipeline.runtime.photo_archive import name_by_sum
from pipeline.runtime.score_store import forget_findings
from pipeline.runtime.scratch import work_dir
from pipeline.sources.synthetic.options import SyntheticOptions

# What is asked of each run: selected photos in three projects, of a share of MAX_PIXELS at most.
LARGEST, SHARES, MAX_PIXELS = 1024, (16, 4, 1), 7e7
MAX_OTHERS = 8  # photos of other categories for each selected one, as the source has them
PAINTED = (16, 32, 64)  # photos
NUM_VARIED = 16  # painted photos that all others are made of
BATCHES, BATCHES_ON_GPU = (1, 2, 4), (4, 8, 32)  # of the detector
PICTURE_BATCHES = (4, 8, 16)  # of the scene network
TRAIN_BUDGET = "1 images"  # of the generator that is evaluated
LIMIT_SECONDS = 8.0  # for a stage; after it no further round begins
OTHER_BYTES = 1024  # of a photo that is not selected
MANY, REST = "many", "rest"  # categories
DATA_STAGES = ("index", "filter_categories", "detect_people", "filter_people", "downscale", "crop")
DETECTOR = "pipeline.detection.detector"


@dataclass
class Costs:
    """By stage; one that could not be measured is absent, and the reason given."""

    stages: dict[str, Cost] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    decoding: Cost | None = None  # detect_people without the detector
    on_gpu: bool = False  # where the detector ran and the training would
    seconds: float = 0.0  # that the measurement took

    def as_json(self) -> dict[str, Any]:
        """For `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Costs":
        """The inverse of `as_json`."""
        stages = {stage: Cost(**cost) for stage, cost in values["stages"].items()}
        decoding = values["decoding"] and Cost(**values["decoding"])
        return cls(**values | {"stages": stages, "decoding": decoding})


def measure(params: WholeParams, source: Expected, weights: Path | None) -> Costs:
    """What the stages cost on photos like those of `source`, with the stages as they are.

    `weights` is None where the detector's are not here.
    """
    from pipeline.runtime.devices import choose_device

    costs, begun = Costs(), time.monotonic()
    costs.on_gpu = choose_device(params.runtime.device).type == "cuda"
    folder = work_dir().absolute() / "plan" / "sample"
    shutil.rmtree(folder, ignore_errors=True)
    stages = ("download", *DATA_STAGES, "train_features", "train", "evaluate", "report")
    with_detector = params.detect_people.enabled and weights is not None
    starts = {
        stage: import_seconds(
            f"pipeline.stages.{stage}",
            *([DETECTOR] if stage == "detect_people" and with_detector else []),
        )
        for stage in stages
    }
    # Imported before anything else is timed.
    for stage in stages:
        import_module(f"pipeline.stages.{stage}")

    # The projects: miniatures of the source, with the same share of selected photos.
    largest = min(LARGEST, max(64, int(MAX_PIXELS / (source.size[0] * source.size[1]))))
    photos = _photos(source.size, largest)
    others = min(MAX_OTHERS, source.photos / max(1, source.selected) - 1)
    lines = {}
    for share in SHARES:
        num = largest // share
        lines[num] = _Line(folder / str(num), params)
        lines[num].write_archive(photos, num, round(num * others))
    large = lines[largest]

    if params.download.source == "synthetic":
        costs.stages["download"] = _painting(_Line(folder / "painted", params))
    for stage in DATA_STAGES:
        large.seconds(stage)  # warms up, and leaves its outs to the next
        costs.stages[stage] = _data_cost(lines, stage)
    costs.decoding = costs.stages["detect_people"]
    steps: dict[str, Callable[[], Cost]] = {
        "train_features": partial(_features, large, params.train_features.batch_size),
        "train": partial(_training, large, folder, params, source),
        "evaluate": partial(_evaluation, lines),
        "report": lambda: flat(median(large.seconds("report") for _ in range(3))),
    }
    if with_detector:
        assert weights is not None
        steps = {"detect_people": partial(_detection, large, params, weights)} | steps
    elif params.detect_people.enabled:
        del costs.stages["detect_people"]
        costs.reasons["detect_people"] = f"{params.detect_people.weights} is not here yet"
    for stage, step in steps.items():
        costs.stages[stage] = step()
    # In a run each stage is a process of its own.
    costs.stages = {
        stage: Cost(cost.start + starts[stage], cost.each, cost.each_at_most)
        for stage, cost in costs.stages.items()
    }
    shutil.rmtree(folder)
    costs.seconds = time.monotonic() - begun
    return costs


def import_seconds(*modules: str) -> float:
    """Of a new process that checks params.yaml's model and imports `modules`."""
    command = f"import pipeline.config.whole, {', '.join(modules)}"
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", command], check=True)
    return time.monotonic() - begun


def _photos(size: tuple[int, int], num: int) -> list[bytes]:
    """JPEGs of `size` (width, height) px."""
    from pipeline.sources.synthetic.source import encode

    none = {"people_share": 0.0, "copy_share": 0.0, "greyscale_share": 0.0}
    options = SyntheticOptions(
        num_photos=NUM_VARIED, seed=0, cmyk_share=0.0, broken_share=0.0, **none
    )
    photos = [encode(number, options)[0] for number in range(NUM_VARIED)]
    return [_varied(photos[number % NUM_VARIED], number, size) for number in range(num)]


def _varied(photo: bytes, number: int, size: tuple[int, int]) -> bytes:
    """A photo like no other: painting takes longer than all that is measured."""
    image = Image.open(io.BytesIO(photo)).resize(size)
    moved = ImageChops.offset(image, number * 37 % size[0], number * 53 % size[1])
    buffer = io.BytesIO()
    moved.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _painting(line: "_Line") -> Cost:
    """Of `download`, where it paints."""

    def run(num: int) -> float:
        line.set("sources", synthetic=line.get("sources")["synthetic"] | {"num_photos": num})
        return line.seconds("download")

    run(PAINTED[0])  # warms up
    return fitted(*timed_rounds(run, PAINTED, LIMIT_SECONDS))


def _data_cost(lines: dict[int, "_Line"], stage: str) -> Cost:
    """Of a selected photo."""
    rounds = timed_rounds(lambda num: lines[num].seconds(stage), sorted(lines), LIMIT_SECONDS)
    return fitted(*rounds)


def _detection(line: "_Line", params: WholeParams, weights: Path) -> Cost:
    """With the detector, on whole batches: it takes as long for a part of one."""
    from pipeline.detection.detector import Detector
    from pipeline.runtime.devices import choose_device, num_threads

    line.set("detect_people", enabled=True, weights=str(weights))
    detector = Detector(
        DetectPeopleParams.model_validate(line.get("detect_people")),
        device=choose_device(params.runtime.device),
        threads=num_threads(params.runtime.threads),
        downloads_dir=weights.parent,
    )
    batch = params.runtime.detect_batch or detector.usual_batch
    line.detect(batch)  # loads what is loaded once
    # A GPU that waits for its photos is measured in seconds, as the CPU is.
    times = BATCHES_ON_GPU if detector.is_on_gpu else BATCHES
    return fitted(*timed_rounds(line.detect, [batch * num for num in times], LIMIT_SECONDS))


def _features(line: "_Line", batch_size: int) -> Cost:
    def run(images: int) -> float:
        line.set("train_features", images=images)
        return line.seconds("train_features")

    numbers = [batch_size * num for num in PICTURE_BATCHES]
    run(numbers[0])  # warms up
    return fitted(*timed_rounds(run, numbers, LIMIT_SECONDS))


def _training(line: "_Line", folder: Path, params: WholeParams, source: Expected) -> Cost:
    """Leaves a generator to be evaluated."""
    from models import registry
    from pipeline.planning.training_steps import training_cost

    line.seconds("train")
    model: Any = registry.options_model(params.train.recipe)
    options = model.model_validate(line.get("recipes")[params.train.recipe])
    train = params.train.model_copy(update={"select": "last"})
    num_train = splits_of(params, source.selected)["train"]
    crop_dir = line.folder / "data/crop"
    with redirect_stderr(io.StringIO()):
        return training_cost(crop_dir, folder / "steps", train, options, params.runtime, num_train)


def splits_of(params: WholeParams, kept: int) -> dict[str, int]:
    """Photos of each split, of `kept` ones."""
    test = round(kept * params.filter_people.test_share)
    val = round(kept * params.filter_people.val_share)
    return {"train": kept - val - test, "val": val, "test": test}


def _evaluation(lines: dict[int, "_Line"]) -> Cost:
    """Of a test photo."""
    *others, large = (lines[num] for num in sorted(lines))
    for line in others:
        for stage in ("train_features", "train"):
            shutil.copytree(large.folder / "data" / stage, line.folder / "data" / stage)
    large.seconds("evaluate")  # warms up
    tests = {}
    for line in lines.values():
        meta = json.loads((line.folder / "data/crop/meta.json").read_text())
        tests[meta["num_samples"]["test"]] = line
    return _data_cost(tests, "evaluate")


class _Line:
    """A project of its own with an archive of painted photos, in the scratch folder."""

    def __init__(self, folder: Path, params: WholeParams) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._values: dict[str, Any] = params.model_dump()
        self.set("detect_people", enabled=False)
        self.set("filter_people", num_thumbnails=0, val_share=0.1, test_share=0.06)
        self.set("train", budget=TRAIN_BUDGET, patience_images=0, select="last")
        self.set("runtime", engine="local", processes=1, trackers=[])

    def set(self, section: str, **changes: Any) -> None:
        self._values[section] = self._values[section] | changes

    def get(self, section: str) -> dict[str, Any]:
        values: dict[str, Any] = self._values[section]
        return values

    def write_archive(self, photos: Sequence[bytes], num: int, num_others: int) -> None:
        """`num` members in one category and `num_others` elsewhere; no two have the same bytes."""
        download = self.folder / "data/download"
        (download / "lists").mkdir(parents=True)
        archive = self.folder / ".work/photos/new.tar"
        archive.parent.mkdir(parents=True)
        with new_archive(archive) as tar:
            for number in range(num + num_others):
                # Others are listed, and never decoded.
                category = MANY if number < num else REST
                photo = photos[number] if number < num else photos[0][:OTHER_BYTES]
                # Behind a JPEG's end nobody reads on.
                data = photo + number.to_bytes(4)
                add(tar, f"data_256/{category}/{number:06d}.jpg", data)
        name_by_sum(archive, download / "photos.tar.sha256")
        self.set("filter_categories", categories=[MANY])
        self.set("index", formats=["jpeg"], max_bytes=10**9)

    def seconds(self, stage: str) -> float:
        """Runs the stage; how long it took."""
        YAML(typ="safe").dump(self._values, self.folder / PARAMS_PATH)
        with _inside(self.folder), redirect_stderr(io.StringIO()):
            forget_findings(work_dir())  # of photos that were looked at before
            begun = time.monotonic()
            import_module(f"pipeline.stages.{stage}").run()
            return time.monotonic() - begun

    def detect(self, num: int) -> float:
        """Seconds of `detect_people` on the first photos alone."""
        from pipeline.photos import photo_tables

        path = self.folder / "data/index/index.parquet"
        selected = self.folder / "data/filter_categories/selected.parquet"
        photos = photo_tables.read(path)
        chosen = photos[photos["category"] == MANY].head(num)
        assert len(chosen) == num, "the archive has as many"
        photo_tables.write(chosen, selected)
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
