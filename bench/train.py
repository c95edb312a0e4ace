"""Measures how fast the recipes train, beside a plain script and the limit.

`bench/train.py --help`.

The rungs of the ladder are timed in turn, in many short rounds of one run, and the medians of the
rounds are compared, so that a busy machine disturbs all of them alike.
"""

import argparse
import dataclasses
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, get_args

import torch
from PIL import Image
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from train_figures import (  # noqa: E402
    CHECKPOINT,
    FEEDING,
    PUBLISHED_PHOTOS,
    ROW,
    VALIDATION,
    Cost,
    Figures,
    Times,
    cost_table,
    heading,
    ladder,
    targets,
)
from train_rungs import (  # noqa: E402
    OURS,
    Entry,
    Ours,
    Rung,
    Setup,
    Updates,
    build,
    feed_of,
    order_of,
    own_rungs,
    plain_rungs,
    resident_photos,
    switches,
)

from models import registry  # noqa: E402
from models.components.pixels import to_uint8  # noqa: E402
from models.recipe import Batch  # noqa: E402
from pipeline.params.runtime import RuntimeParams  # noqa: E402
from pipeline.params.section import PARAMS_PATH, load  # noqa: E402
from pipeline.params.train import TrainParams  # noqa: E402
from pipeline.runtime.devices import choose_device, num_threads  # noqa: E402
from pipeline.shards.reader import read_meta, shards_of  # noqa: E402
from pipeline.training import checkpoint  # noqa: E402
from pipeline.training import loop as stage  # noqa: E402
from pipeline.training.batch_loader import BatchLoader  # noqa: E402
from pipeline.training.completion_validation import CompletionValidation  # noqa: E402
from pipeline.training.photos import Holes, load_photos  # noqa: E402
from pipeline.training.processes import Processes  # noqa: E402
from pipeline.training.streamed_photos import StreamedPhotos  # noqa: E402
from pipeline.training.train_state import Due  # noqa: E402
from pipeline.training.validation import MAX_PHOTOS  # noqa: E402

MAX_PASS_SECONDS = 30  # of the training photos, to be measured with streaming
MAX_CHECK_SECONDS = 120  # of the stage itself
MANY = 30  # repeats of what takes a millisecond
FEW = 5  # repeats of what takes longer


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        setup = set_up(arguments, Path(folder))
        stage.be_deterministic(setup.device)  # and on or off again for each rung
        sections = [heading(setup)]
        for name in arguments.recipes:
            for entry in entries_of(name, arguments.width):
                print(f"{entry.title} ...", file=sys.stderr, flush=True)
                sections.append(section(setup, entry, stack))
    report = "\n\n".join(sections) + "\n"
    print(report)
    if arguments.out:
        arguments.out.write_text(report)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--width", type=int, help="of the recipes; without: that of params.yaml")
    parser.add_argument("--batch", type=int, help="photos a step; without: that of params.yaml")
    parser.add_argument("--compile", help="train.compile of the limit and of ours, as params.yaml")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="auto", help="as params.yaml runtime.device")
    names = list(registry.RECIPES)
    parser.add_argument("--recipes", nargs="+", default=names, choices=names)
    parser.add_argument("--crop-dir", type=Path, default=Path("data/crop"), help="final shards")
    parser.add_argument(
        "--random-photos", type=int, metavar="N", help="instead of shards; without streaming"
    )
    parser.add_argument("--all", action="store_true", help="on a CPU bf16 and torch.compile too")
    parser.add_argument("--quick", action="store_true", help="two short rounds: does it run?")
    parser.add_argument("--out", type=Path, help="write the markdown here too")
    return parser.parse_args()


def set_up(arguments: argparse.Namespace, folder: Path) -> Setup:
    """Photos, their plain folder for the peer, and params.yaml with the arguments' changes."""
    train = load("train", TrainParams, ROOT / PARAMS_PATH)
    changes = {"batch_size": arguments.batch, "compile": arguments.compile}
    given = {name: value for name, value in changes.items() if value is not None}
    train = TrainParams.model_validate(train.model_dump() | {"accumulate": 1} | given)
    crop_dir = None if arguments.random_photos else arguments.crop_dir
    if crop_dir is None:
        photos, meta = random_photos(arguments.random_photos)
    else:
        meta = read_meta(crop_dir)
        if meta["kind"] != "box" or meta["holes"]["num_holes"] != 1:
            raise ValueError(
                f"{crop_dir} has holes of kind {meta['kind']!r} with {meta['holes']}, but the "
                "peer of this bench cuts one rectangle: give shards of kind box with num_holes: 1"
            )
        num, size = meta["num_samples"]["train"], meta["image_size"]
        photos = load_photos(shards_of(crop_dir, "train"), num, size, stored_holes=False).images
    write_pngs(photos, folder / "photos" / "all")
    return Setup(
        device=choose_device(arguments.device),
        photos=photos,
        meta=meta,
        crop_dir=crop_dir,
        folder=folder,
        train=train,
        rounds=2 if arguments.quick else arguments.rounds,
        round_seconds=0.1 if arguments.quick else 1.0,
        is_quick=arguments.quick,
        rejected_too=arguments.all,
    )


def random_photos(num: int) -> tuple[Tensor, dict[str, Any]]:
    """Smooth noise in GANscape's sizes: pure noise would take PNG and the networks off guard."""
    holes = {"side_min": 20, "side_max": 25, "num_holes": 1}
    meta = {"image_size": 64, "box_size": 28, "kind": "box", "holes": holes}
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(num, 3, 8, 8, generator=generator) * 255
    smooth = nn.functional.interpolate(coarse, size=64, mode="bilinear")
    counts = {"num_samples": {"train": num, "val": min(num, MAX_PHOTOS)}}
    return smooth.permute(0, 2, 3, 1).to(torch.uint8).contiguous(), meta | counts


def write_pngs(photos: Tensor, folder: Path) -> None:
    """One file a photo, as most training scripts want them."""
    folder.mkdir(parents=True)
    for number, photo in enumerate(photos.numpy()):
        Image.fromarray(photo).save(folder / f"{number:06d}.png")


def entries_of(recipe: str, width: int | None) -> list[Entry]:
    """Each preset of `recipe` with the options of params.yaml."""
    model: Any = registry.options_model(recipe)
    values = load(f"recipes.{recipe}", model, ROOT / PARAMS_PATH).model_dump()
    if width is not None and "width" in model.model_fields:
        values["width"] = width
    if "preset" not in model.model_fields:
        return [Entry(recipe, recipe, model.model_validate(values))]
    presets = get_args(model.model_fields["preset"].annotation)
    return [
        Entry(recipe, f"{recipe} {preset}", model.model_validate(values | {"preset": preset}))
        for preset in presets
    ]


def section(setup: Setup, entry: Entry, stack: ExitStack) -> str:
    """Ladder, costs and targets of one recipe, as markdown."""
    shares = shares_of(setup, entry)
    ours = Ours(setup, entry, resident_photos(setup), stack)
    rungs = [*plain_rungs(setup, entry), *switches(setup, entry), *own_rungs(setup, entry, ours)]
    times = measure(setup, rungs, list(shares))
    fastest = min(shares, key=lambda each: median(times[OURS][each]))
    costs = costs_of(setup, ours, fastest)
    streamed = streaming(setup, ours, fastest, median(times[OURS][fastest]))
    figures = Figures(setup, shares, times, costs, streamed)
    parts = [f"## {entry.title}", ladder(figures), cost_table(figures), targets(figures)]
    return "\n\n".join([*parts, stage_check(figures, entry)])


def shares_of(setup: Setup, entry: Entry) -> dict[Updates, float]:
    """Share of each phase in the steps of an epoch of the published size, none ended early."""
    num_steps = max(1, PUBLISHED_PHOTOS // setup.batch_size)
    schedule = build(setup, entry, num_steps).schedule
    counts: Counter[Updates] = Counter()
    for _ in range(num_steps):
        counts[schedule.updates] += 1
        if schedule.advance():
            schedule.observe({})
    return {updates: count / num_steps for updates, count in counts.items()}


def measure(setup: Setup, rungs: Sequence[Rung], phases: Sequence[Updates]) -> Times:
    """All rungs and phases in turn, round by round; the first steps are not counted."""
    times: Times = {rung.name: {updates: [] for updates in phases} for rung in rungs}
    nums: dict[tuple[str, Updates], int] = {}
    for rung in rungs:
        begun = time.perf_counter()
        for updates in phases:
            seconds_of(setup, rung, updates, rung.steps_at_once)
        print(f"  {rung.name}: ready in {time.perf_counter() - begun:.1f} s", file=sys.stderr)
        for updates in phases:
            seconds = seconds_of(setup, rung, updates, rung.steps_at_once)
            times_at_once = setup.round_seconds / seconds / rung.steps_at_once
            nums[rung.name, updates] = rung.steps_at_once * max(1, round(times_at_once))
    for _ in range(setup.rounds):
        for rung in rungs:
            for updates in phases:
                seconds = seconds_of(setup, rung, updates, nums[rung.name, updates])
                times[rung.name][updates].append(seconds)
    return times


def seconds_of(setup: Setup, rung: Rung, updates: Updates, num: int) -> float:
    """A step, over `num` of them."""
    deterministic = rung.deterministic and setup.device.type == "cpu"
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    for _ in range(rung.untimed_steps):
        rung.step(updates)
    seconds = timed(setup.device, lambda: repeat(num, lambda: rung.step(updates))) / num
    time.sleep(rung.rest_seconds)
    return seconds


def timed(device: torch.device, do: Callable[[], object]) -> float:
    """Seconds, the device's own work included."""
    wait_for(device)
    begun = time.perf_counter()
    do()
    wait_for(device)
    return time.perf_counter() - begun


def wait_for(device: torch.device) -> None:
    """Until it has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def repeat(num: int, do: Callable[[], object]) -> None:
    """Does it `num` times."""
    for _ in range(num):
        do()


def costs_of(setup: Setup, ours: Ours, fastest: Updates) -> dict[str, Cost]:
    """By name; `fastest` is the phase whose steps are the shortest."""
    state, device, train = ours.state, setup.device, setup.train
    validation = validation_of(setup)

    def often(num: int, do: Callable[[], object]) -> float:
        return median(timed(device, do) for _ in range(num))

    def average() -> None:
        state.ema.update(setup.batch_size, state.num_images)

    def sync() -> float:
        """One after as many steps as there are between two."""
        repeat(train.sync_every - 1, lambda: ours.step(fastest))
        seconds = timed(device, state.sync)
        ours.step(fastest)
        return seconds

    def add_row() -> None:
        due = Due(sync=True, row=True, validation=False, checkpoint=False)
        ours.logger.metrics(state.add_row(due, {}))
        ours.background.wait()

    def validate() -> None:
        stage.validate(state, validation, ours.background, ours.logger)
        ours.background.wait()

    return {
        FEEDING: Cost(often(MANY, lambda: ours.loader.batch(state.position.step)), 1),
        "averaged weights": Cost(often(MANY, average), 1),
        "sync of host and device": Cost(median(sync() for _ in range(FEW)), train.sync_every),
        ROW: Cost(often(FEW, add_row), train.log_every),
        VALIDATION: Cost(often(FEW, validate), train.sample_every),
        "copy of a checkpoint": Cost(often(FEW, state.state_dict), train.checkpoint_every),
        CHECKPOINT: Cost(checkpoint_seconds(setup, ours, fastest), train.checkpoint_every),
    }


def checkpoint_seconds(setup: Setup, ours: Ours, updates: Updates) -> float:
    """What a checkpoint adds to the steps during which it is written; median of rounds in turn."""

    def keep() -> None:
        stage.save_checkpoint(ours.state, ours.background)

    def steps(num: int) -> Callable[[], None]:
        return lambda: repeat(num, lambda: ours.step(updates))

    def write_alone() -> None:
        keep()
        ours.background.wait()

    write_alone()
    writing = timed(setup.device, write_alone)
    step = timed(setup.device, steps(FEW)) / FEW
    num = math.ceil(2 * writing / step) + 1
    extra = []
    for _ in range(setup.rounds):
        without = timed(setup.device, steps(num))
        beside = timed(setup.device, lambda: (keep(), steps(num)()))
        ours.background.wait()
        extra.append(beside - without)
    return median(extra)


def streaming(
    setup: Setup, ours: Ours, updates: Updates, step: float
) -> tuple[float, float] | None:
    """Share of the time that the steps of whole passes spend in BatchLoader.batch when photos are
    streamed, and how much longer such passes take than with resident photos.

    None without shards, and where steps of `step` seconds would take too long.
    """
    num = math.ceil(len(setup.photos) / setup.batch_size)
    if setup.crop_dir is None or num * step > MAX_PASS_SECONDS:
        return None
    photos = StreamedPhotos(
        shards_of(setup.crop_dir, "train"),
        order_of(setup),
        setup.meta["image_size"],
        setup.device,
        stored_holes=False,
        threads=num_threads(0),
    )
    resident = ours.loader
    streamed = TimedFeed(**{**vars(resident), "photos": photos})
    shares, ratios = [], []
    for _ in range(min(FEW, setup.rounds) + 1):
        seconds = []
        for ours.loader in (resident, streamed):
            steps = lambda: repeat(num, lambda: ours.step(updates))  # noqa: E731
            seconds.append(timed(setup.device, steps))
        shares.append(sum(streamed.waits[-num:]) / seconds[1])
        ratios.append(seconds[1] / seconds[0])
    ours.loader = resident
    photos.close()
    return median(shares[1:]), median(ratios[1:])  # the first pass had nothing ready


@dataclass(frozen=True)
class TimedFeed(BatchLoader):
    """A loader that notes how long its caller waits, and whose steps follow each other."""

    waits: list[float] = dataclasses.field(default_factory=list)  # seconds

    def batch(self, step: int) -> Batch:
        begun = time.perf_counter()
        batch = super().batch(len(self.waits))  # not `step`: some were taken with another loader
        self.waits.append(time.perf_counter() - begun)
        return batch


def validation_of(setup: Setup) -> CompletionValidation:
    """The stage's own, or as many random photos."""
    if setup.crop_dir:
        return CompletionValidation.load(setup.crop_dir, setup.meta, setup.device)
    num = setup.meta["num_samples"]["val"]
    loader = dataclasses.replace(feed_of(setup, resident_photos(setup)), batch_size=num)
    batch = loader.batch(0)
    return CompletionValidation(to_uint8(batch.image), Holes(batch.mask > 0, batch.box))


def stage_check(figures: Figures, entry: Entry) -> str:
    """The stage itself, once, from its first step past a validation and a checkpoint."""
    setup, train = figures.setup, figures.setup.train
    num = max(train.sample_every, train.checkpoint_every) + train.sync_every
    if setup.crop_dir is None or setup.is_quick or num * figures.step > MAX_CHECK_SECONDS:
        return f"The stage itself was not run: no shards, or {num} steps take too long."
    budget = f"{num * setup.batch_size} images"
    params = train.model_copy(update={"recipe": entry.recipe, "budget": budget})
    with tempfile.TemporaryDirectory() as folder:
        stage.train(
            crop_dir=setup.crop_dir,
            out_dir=Path(folder) / "out",
            scratch_dir=Path(folder) / "scratch",
            params=params,
            options=entry.options,
            runtime=load("runtime", RuntimeParams, ROOT / PARAMS_PATH),
            processes=Processes(0, 1, setup.device),
        )
        contents = checkpoint.read(Path(folder) / "scratch", num, torch.device("cpu"))
    seconds = contents["training"]["position"]["seconds"]
    rate = num * setup.batch_size / seconds
    return (
        f"The stage itself took {seconds:.1f} s for {num:,} steps: {rate:,.0f} images/s, "
        f"{rate / figures.rate(OURS):.2f} times what its pieces gave above."
    )


if __name__ == "__main__":
    main()
