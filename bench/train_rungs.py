"""The ways of training that bench/train.py times beside each other."""

import dataclasses
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from models import registry
from models.components.options import RecipeOptions
from models.recipe import Batch, DataSpec, Recipe, Sums
from pipeline.holes.cutter import HoleCutter
from pipeline.params.train import TrainParams
from pipeline.runtime.background import Background
from pipeline.training import loop as stage
from pipeline.training.batch_loader import BatchLoader
from pipeline.training.compiler import compiled
from pipeline.training.order import Order
from pipeline.training.photos import Photos, ResidentPhotos, TrainingPhotos, shard_sizes
from pipeline.training.precision import autocast_dtype
from pipeline.training.processes import Processes
from pipeline.training.update_step import freeze_all_but, update_step

# The names of the rungs that others are compared with.
PEER, EAGER, LIMIT, OURS = "DataLoader, eager fp32", "eager fp32, NCHW", "limit", "ours"

PREFETCH = 2  # batches a worker of the DataLoader holds ready, torch's default
REST_SECONDS = 0.3  # for its workers to fill up again, before another rung is timed
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


def build(setup: Setup, entry: Entry, steps_per_epoch: int = 1) -> Recipe:
    """The recipe as the stage builds it: channels_last, fused optimizers."""
    meta = setup.meta
    sizes = (meta["image_size"], meta["box_size"])
    data_spec = DataSpec(*sizes, steps_per_epoch, setup.train.seed, mean_color=GREY)
    return registry.build(entry.recipe, entry.options, data_spec, setup.device)


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
