"""Measures how fast the recipes train, beside a plain script and the limit.

`bench/train.py --help`.

The rungs of the ladder are timed in turn, in many short rounds of one run, and the medians of the
rounds are compared, so that a busy machine disturbs all of them alike.
"""

import argparse
import dataclasses
import math
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, get_args

import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim import Optimizer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from models import registry  # noqa: E402
from models.components.options import RecipeOptions  # noqa: E402
from models.components.pixels import to_uint8  # noqa: E402
from models.recipe import Batch, DataSpec, Recipe, Sums  # noqa: E402
from pipeline.holes.cutter import HoleCutter  # noqa: E402
from pipeline.params.runtime import RuntimeParams  # noqa: E402
from pipeline.params.section import PARAMS_PATH, load  # noqa: E402
from pipeline.params.train import TrainParams  # noqa: E402
from pipeline.runtime.background import Background  # noqa: E402
from pipeline.runtime.devices import choose_device, num_threads  # noqa: E402
from pipeline.shards.reader import read_meta, shards_of  # noqa: E402
from pipeline.training import checkpoint  # noqa: E402
from pipeline.training import loop as stage  # noqa: E402
from pipeline.training.batch_loader import BatchLoader  # noqa: E402
from pipeline.training.compiler import compiled  # noqa: E402
from pipeline.training.completion_validation import CompletionValidation  # noqa: E402
from pipeline.training.order import Order  # noqa: E402
from pipeline.training.photos import (  # noqa: E402
    Holes,
    Photos,
    ResidentPhotos,
    TrainingPhotos,
    load_photos,
    shard_sizes,
)
from pipeline.training.precision import autocast_dtype  # noqa: E402
from pipeline.training.processes import Processes  # noqa: E402
from pipeline.training.streamed_photos import StreamedPhotos  # noqa: E402
from pipeline.training.train_state import Due  # noqa: E402
from pipeline.training.update_step import freeze_all_but, update_step  # noqa: E402
from pipeline.training.validation import MAX_PHOTOS  # noqa: E402

# GANscape's published training.
PUBLISHED_PHOTOS, PUBLISHED_EPOCHS, ROW_EPOCHS = 172_703, 220, 10

# The names of the rungs that others are compared with.
PEER, EAGER, LIMIT, OURS = "DataLoader, eager fp32", "eager fp32, NCHW", "limit", "ours"

# The costs that are also targets, or come beside the rounds.
FEEDING, ROW, VALIDATION = "feeding, resident photos", "row of the history", "validation and grid"
CHECKPOINT = "checkpoint in all"

PREFETCH = 2  # batches a worker of the DataLoader holds ready, torch's default
REST_SECONDS = 0.3  # for its workers to fill up again, before another rung is timed
MAX_PASS_SECONDS = 30  # of the training photos, to be measured with streaming
MAX_CHECK_SECONDS = 120  # of the stage itself
MANY = 30  # repeats of what takes a millisecond
FEW = 5  # repeats of what takes longer
GREY = (0.0, 0.0, 0.0)  # for a mean colour that no measured preset looks at

# The updates of one step of the schedule, by name: a phase is known by them.
Updates = tuple[str, ...]


@dataclass(frozen=True)
class Setup:
    """What all rungs have in common."""

    device: torch.device
    photos: Tensor  # (N, S, S, 3) uint8, in host memory
    meta: dict[str, Any]  # of the shards, or what stands for it
    crop_dir: Path | None  # None: random photos, which no shard holds
    folder: Path  # of temporary files
    train: TrainParams
    rounds: int
    round_seconds: float  # that a rung gets for each phase of a round
    is_quick: bool
    rejected_too: bool  # also switches that are off here

    @property
    def batch_size(self) -> int:
        return self.train.batch_size


@dataclass(frozen=True)
class Entry:
    """A recipe with its options."""

    recipe: str
    title: str
    options: RecipeOptions


@dataclass(frozen=True)
class Rung:
    """A way of training."""

    name: str
    step: Callable[[Updates], None]
    steps_at_once: int = 1  # a round has a multiple of them
    untimed_steps: int = 0  # before each timing
    rest_seconds: float = 0.0  # after each timing
    deterministic: bool = False  # as the stage has it on a CPU


# Rung -> phase -> seconds a step in each round.
Times = dict[str, dict[Updates, list[float]]]


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


def build(setup: Setup, entry: Entry, steps_per_epoch: int = 1) -> Recipe:
    """The recipe as the stage builds it: channels_last, fused optimizers."""
    meta = setup.meta
    sizes = (meta["image_size"], meta["box_size"])
    data_spec = DataSpec(*sizes, steps_per_epoch, setup.train.seed, mean_color=GREY)
    return registry.build(entry.recipe, entry.options, data_spec, setup.device)


# The rungs


def plain_rungs(setup: Setup, entry: Entry) -> list[Rung]:
    """The peer, and the same script on one resident batch."""
    workers = os.cpu_count() or 1
    batches = loader_batches(setup, workers)
    peer = PlainTraining(nchw(unfused(build(setup, entry))), batches, syncs_every_step=True)
    eager = PlainTraining(nchw(unfused(build(setup, entry))), always(batch_of(setup, nchw=True)))
    return [
        Rung(PEER, peer.step, untimed_steps=workers * PREFETCH, rest_seconds=REST_SECONDS),
        Rung(EAGER, eager.step),
    ]


def switches(setup: Setup, entry: Entry) -> list[Rung]:
    """Each with those before it; on a CPU the last ones each alone."""
    fused = PlainTraining(nchw(build(setup, entry)), always(batch_of(setup, nchw=True)))
    batch = batch_of(setup)
    last = PlainTraining(build(setup, entry), always(batch))
    rungs = [Rung("+ fused Adam", fused.step), Rung("+ channels_last", last.step)]
    on_gpu = setup.device.type == "cuda"
    if not on_gpu and not setup.rejected_too:
        return rungs
    # Several recipes and rungs share the same code: beyond 8 of them dynamo would give up.
    torch._dynamo.config.recompile_limit = 64
    low = PlainTraining(build(setup, entry), always(batch), low=torch.bfloat16)
    rungs.append(Rung("+ bf16" if on_gpu else "channels_last and bf16", low.step))
    modes = ("default", "reduce-overhead") if on_gpu else ("default",)
    for mode in modes:
        precision = torch.bfloat16 if on_gpu else None
        recipe = compiled(build(setup, entry), mode)
        name = f"+ compile, {mode}" if on_gpu else f"channels_last and compile, {mode}"
        rungs.append(Rung(name, PlainTraining(recipe, always(batch), low=precision).step))
    return rungs


def own_rungs(setup: Setup, entry: Entry, ours: "Ours") -> list[Rung]:
    """The stage's updates on one resident batch, and all that the stage does."""
    recipe, low = compiled(build(setup, entry), ours.config["compile"]), ours.low
    batch = batch_of(setup)

    def update(updates: Updates) -> None:
        for name in updates:
            update_step(recipe, name, [batch], low)

    return [
        Rung(LIMIT, update, deterministic=True),
        Rung(OURS, ours.step, steps_at_once=setup.train.sync_every, deterministic=True),
    ]


@dataclass(frozen=True)
class PlainTraining:
    """A step as most training scripts have it."""

    recipe: Recipe
    batches: Iterator[Batch]
    low: torch.dtype | None = None
    syncs_every_step: bool = False  # reads every loss as soon as it is there

    def step(self, updates: Updates) -> None:
        batch = next(self.batches)
        for name in updates:
            self._update(name, batch)

    def _update(self, name: str, batch: Batch) -> None:
        recipe, update = self.recipe, self.recipe.updates[name]
        freeze_all_but(recipe.networks, update.network)
        recipe.optimizers[update.optimizer].zero_grad()
        with torch.autocast(batch.image.device.type, self.low, enabled=self.low is not None):
            terms = update.terms(batch)
        loss = torch.stack([weight * terms[term] for term, weight in update.weights.items()]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        recipe.optimizers[update.optimizer].step()
        if self.syncs_every_step:
            for value in terms.values():
                value.item()


def unfused(recipe: Recipe) -> Recipe:
    """Optimizers as they are when nothing is asked of them."""
    for optimizer in recipe.optimizers.values():
        _forget_fused(optimizer)
    return recipe


def _forget_fused(optimizer: Optimizer) -> None:
    for group in optimizer.param_groups:
        if "fused" in group:
            group["fused"] = None


def nchw(recipe: Recipe) -> Recipe:
    """Weights in torch's default layout."""
    for network in recipe.networks.values():
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return recipe


def always(batch: Batch) -> Iterator[Batch]:
    """The same one for ever."""
    while True:
        yield batch


def batch_of(setup: Setup, *, nchw: bool = False) -> Batch:
    """The first of a training, on the device; its image in channels_last or NCHW."""
    batch = feed_of(setup, resident_photos(setup)).batch(0)
    return dataclasses.replace(batch, image=batch.image.contiguous()) if nchw else batch


def resident_photos(setup: Setup) -> ResidentPhotos:
    """All photos in the device's memory."""
    return ResidentPhotos(
        Photos(setup.photos, None).to(setup.device), order_of(setup), setup.device
    )


def order_of(setup: Setup) -> Order:
    """As the stage has it for these shards; random photos lie in one."""
    num = len(setup.photos)
    return Order(setup.train.seed, shard_sizes(num, setup.meta.get("samples_per_shard", num)))


def feed_of(setup: Setup, photos: TrainingPhotos) -> BatchLoader:
    """Fresh holes, which cost more than stored ones."""
    fresh = HoleCutter.of_meta(setup.meta)
    return BatchLoader(photos, setup.train.seed, setup.batch_size, setup.train.flip, fresh)


# The peer's photos


def loader_batches(setup: Setup, workers: int) -> Iterator[Batch]:
    """Without end, from a DataLoader over the folder of PNG files, on the device."""
    from torch.utils.data import DataLoader

    on_gpu = setup.device.type == "cuda"
    loader = DataLoader(
        HoledFolder(setup.folder / "photos", setup.meta),
        setup.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        prefetch_factor=PREFETCH,
        persistent_workers=True,
        pin_memory=on_gpu,
    )
    while True:
        for fields in loader:
            yield Batch(*(field.to(setup.device, non_blocking=on_gpu) for field in fields))


class HoledFolder(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):
    """ImageFolder, a random hole a photo and the box around it, made where the photo is read."""

    def __init__(self, folder: Path, meta: Mapping[str, Any]) -> None:
        from torchvision import datasets, transforms

        self.meta = meta
        steps = [
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.5] * 3, [0.5] * 3),
        ]
        self.folder = datasets.ImageFolder(str(folder), transforms.Compose(steps))

    def __len__(self) -> int:
        return len(self.folder)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        image, _ = self.folder[index]
        size, box_size = self.meta["image_size"], self.meta["box_size"]
        holes = self.meta["holes"]
        height, width = (random.randint(holes["side_min"], holes["side_max"]) for _ in range(2))
        top, left = random.randint(0, size - height), random.randint(0, size - width)
        mask = torch.zeros(1, size, size)
        mask[:, top : top + height, left : left + width] = 1
        corner = [
            min(max(start - (box_size - side) // 2, 0), size - box_size)
            for start, side in ((top, height), (left, width))
        ]
        return image, mask, torch.tensor([*corner, box_size, box_size])


# Ours


class Pinned:
    """A schedule that stays in the phase it is told."""

    def __init__(self) -> None:
        self.updates: Updates = ()

    def advance(self) -> bool:
        return False

    def observe(self, sums: Sums) -> None:
        pass

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class Ours:
    """The stage's own pieces, called as its loop calls them.

    What comes every few hundred steps (rows, validations, checkpoints) is timed for itself and
    spread over its interval: in rounds of a second it would be seen by chance.
    """

    def __init__(
        self, setup: Setup, entry: Entry, photos: TrainingPhotos, stack: ExitStack
    ) -> None:
        alone = Processes(0, 1, setup.device)
        folder = setup.folder / f"scratch-{len(list(setup.folder.iterdir()))}"
        self.params = setup.train.model_copy(update={"recipe": entry.recipe})
        self.config = stage.config_of(setup.meta, self.params, entry.options, alone)
        self.low = autocast_dtype(self.config["precision"])
        self.state = stage.build_state(setup.meta, GREY, self.params, entry.options, alone, folder)
        self.schedule = Pinned()
        recipe = dataclasses.replace(self.state.recipe, schedule=self.schedule)
        self.state.recipe = compiled(recipe, self.config["compile"])
        self.loader = feed_of(setup, photos)
        self.background = stack.enter_context(Background())
        self.logger = stack.enter_context(
            stage.open_logger(self.state, self.config, [], self.background)
        )

    def step(self, updates: Updates) -> None:
        """Feeding, updates, averaged weights and, where it is due, the sync."""
        state = self.state
        self.schedule.updates = updates
        self.loader.seed_noise(state.position.step)
        parts = self.loader.batch(state.position.step).parts(self.params.accumulate)
        state.train_step(parts, self.low)
        self.logger.step()
        if state.position.step % self.params.sync_every == 0:
            state.sync()
            state.is_over()


# Timing


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


@dataclass(frozen=True)
class Cost:
    """Of what comes beside the updates, timed for itself."""

    seconds: float  # each time
    every: int  # steps


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


# Figures


@dataclass(frozen=True)
class Figures:
    """What was measured of one recipe."""

    setup: Setup
    shares: dict[Updates, float]
    times: Times
    costs: dict[str, Cost]
    streamed: tuple[float, float] | None  # as `streaming` tells

    @property
    def beside(self) -> float:
        """Seconds a step of what comes too seldom for a round, in the mean."""
        seldom = [self.costs[name] for name in (ROW, VALIDATION, CHECKPOINT)]
        return sum(cost.seconds / cost.every for cost in seldom)

    def share(self, name: str) -> float:
        """Of a cost in the time of ours."""
        cost = self.costs[name]
        return cost.seconds / cost.every / self.step

    def rounds(self, rung: str, updates: Updates | None = None) -> list[float]:
        """Seconds a step, round by round; without `updates` the mean step of an epoch."""
        added = self.beside if rung == OURS else 0.0
        if updates is not None:
            return [seconds + added for seconds in self.times[rung][updates]]
        each = [
            [share * seconds for seconds in self.times[rung][phase]]
            for phase, share in self.shares.items()
        ]
        return [sum(parts) + added for parts in zip(*each, strict=True)]

    def rate(self, rung: str, updates: Updates | None = None) -> float:
        """Images/s: the median of the rounds."""
        return self.setup.batch_size / median(self.rounds(rung, updates))

    def ratio(self, rung: str, other: str, updates: Updates | None = None) -> float:
        """How many times the rate of `other`: the median of what each round gives."""
        pairs = zip(self.rounds(rung, updates), self.rounds(other, updates), strict=True)
        return median(seconds_of_other / seconds for seconds, seconds_of_other in pairs)

    @property
    def step(self) -> float:
        """Seconds of ours, mean step of an epoch."""
        return median(self.rounds(OURS))


def heading(setup: Setup) -> str:
    """Where and how."""
    device, train = setup.device, setup.train
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    what = "random photos" if setup.crop_dir is None else "photos of the sample"
    return (
        f"# Training on {name}\n\n"
        f"{os.cpu_count()} CPU cores, torch {torch.__version__}, batch {train.batch_size}, "
        f"{len(setup.photos):,} {what} of {setup.meta['image_size']} px. Images/s, medians of "
        f"{setup.rounds} rounds taken in turn; the ratios are medians of each round's own. Load "
        f"before the start: {os.getloadavg()[0]:.1f}."
    )


def processor() -> str:
    """Of this machine."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def ladder(figures: Figures) -> str:
    """A row a rung: images/s in each phase and in the mean of an epoch."""
    phases = [f"{' + '.join(each)} ({share:.0%})" for each, share in figures.shares.items()]
    rows = [
        [
            name,
            *(f"{figures.rate(name, updates):,.0f}" for updates in figures.shares),
            f"{figures.rate(name):,.0f}",
            f"{figures.ratio(name, EAGER):.2f}",
        ]
        for name in figures.times
    ]
    return table(["rung", *phases, "an epoch", "times eager"], rows)


def cost_table(figures: Figures) -> str:
    """What comes beside the updates, as a share of the time of ours."""
    rows = [
        [name, f"{1000 * cost.seconds:.2f} ms", f"{cost.every} steps", f"{figures.share(name):.2%}"]
        for name, cost in figures.costs.items()
    ]
    text = table(["beside the updates", "each", "every", "share of ours"], rows)
    if figures.streamed is None:
        return text + "\n\nStreaming was not measured: no shards, or a pass takes too long."
    share, times = figures.streamed
    return text + (
        f"\n\nStreamed photos: the steps of the fastest phase spend {share:.2%} of their time "
        f"waiting for batches, and take {times:.2f} times as long as with resident photos."
    )


def targets(figures: Figures) -> str:
    """What issue and README promise, reached or not."""
    hours = PUBLISHED_PHOTOS * PUBLISHED_EPOCHS / figures.rate(OURS) / 3600
    minutes = PUBLISHED_PHOTOS * ROW_EPOCHS / figures.rate(OURS) / 60
    feeding, keeping = figures.share(FEEDING), figures.share(CHECKPOINT)
    on_gpu = figures.setup.device.type == "cuda"
    last = list(figures.shares)[-1]
    slowest = min(figures.ratio(OURS, EAGER, updates) for updates in figures.shares)
    over_peer, over_eager = figures.ratio(OURS, PEER), figures.ratio(OURS, EAGER)
    rows = [
        _target("feeding under 2 % of a step", f"{feeding:.2%}", feeding < 0.02),
        _target("checkpoints under 1 %", f"{keeping:.2%}", keeping < 0.01),
    ]
    if on_gpu:
        rate = figures.rate(OURS, last)
        rows += [
            _target("10,000 images/s in the last phase", f"{rate:,.0f}", rate >= 10_000),
            _target("5 times the DataLoader", f"{over_peer:.2f}", over_peer >= 5),
            _target(f"{PUBLISHED_EPOCHS} epochs in 60 min", f"{60 * hours:.1f} min", hours < 1),
            _target(f"{ROW_EPOCHS} epochs in 3 min", f"{minutes:.2f} min", minutes < 3),
        ]
    else:
        rows += [
            _target("not slower than eager", f"{over_eager:.2f}", over_eager >= 1),
            _target("nor in any phase", f"{slowest:.2f} in the slowest", slowest >= 1),
            _target("1.3 times the DataLoader", f"{over_peer:.2f}", over_peer >= 1.3),
        ]
    extrapolated = (
        f"At this rate the published {PUBLISHED_EPOCHS} epochs of {PUBLISHED_PHOTOS:,} images "
        f"would take {hours:,.1f} hours, {ROW_EPOCHS} epochs {minutes:,.1f} minutes. Ours is "
        f"{figures.ratio(OURS, LIMIT):.2f} times the limit."
    )
    return table(["target", "measured", "reached"], rows) + f"\n\n{extrapolated}"


def _target(name: str, measured: str, reached: bool) -> list[str]:
    return [name, measured, "yes" if reached else "no"]


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in (names, ["---"] * len(names), *rows)]
    return "\n".join(lines)


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
