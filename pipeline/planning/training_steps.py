"""What a training costs, from steps of each kind that its schedule asks for."""

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from models.components.options import RecipeOptions
from models.components.schedule import Phase, PhaseSchedule
from models.determinism import be_deterministic
from models.recipe import Schedule
from pipeline.params.runtime import RuntimeParams
from pipeline.params.train import TrainParams
from pipeline.planning.cost import Cost
from pipeline.runtime.devices import choose_device, num_threads
from pipeline.shards.reader import read_meta
from pipeline.training.batch_loader import open_batch_loader
from pipeline.training.budget import Budget
from pipeline.training.compiler import compiled, resolved_mode
from pipeline.training.loop import build_state, open_validation
from pipeline.training.photos import mean_color
from pipeline.training.precision import autocast_dtype, resolved_precision
from pipeline.training.processes import Processes
from pipeline.training.train_state import TrainState

# Of each kind of step: the first ones are slower, and are left out.
WARM_UP, TIMED = 3, 9
# Schedules are walked through so far: what comes later is as what came before.
MAX_WALKED = 1_000_000

# The updates of a step.
Kind = tuple[str, ...]


def training_cost(
    crop_dir: Path,
    folder: Path,
    params: TrainParams,
    options: RecipeOptions,
    runtime: RuntimeParams,
    num_train: int,
) -> Cost:
    """Seconds an image of the training of `num_train` photos, timed on the shards in `crop_dir`.

    Phases that the losses may end early count whole. The start is that of this smaller split.
    """
    begun = time.monotonic()
    processes = Processes(0, 1, choose_device(runtime.device))
    torch.set_num_threads(num_threads(runtime.threads))
    be_deterministic(processes.device)
    meta = read_meta(crop_dir)
    color = mean_color(crop_dir, meta)
    planned = meta | {"num_samples": meta["num_samples"] | {"train": num_train}}
    state = build_state(planned, color, params, options, processes, folder)
    state.recipe = compiled(state.recipe, resolved_mode(params.compile))
    amp_dtype = autocast_dtype(resolved_precision(params.precision, processes.device))
    kinds = counted(state.recipe.schedule, min(state.num_steps or MAX_WALKED, MAX_WALKED))
    with ExitStack() as stack:
        loader = open_batch_loader(crop_dir, meta, params, runtime, processes, stack)
        validation = open_validation(state, crop_dir, meta)
        start = time.monotonic() - begun

        def step() -> None:
            loader.seed_noise(state.position.step)
            parts = loader.batch(state.position.step).parts(params.accumulate)
            state.train_step(parts, amp_dtype)

        def validate() -> None:
            validation.figures(validation.generate(state.ema.network))

        seconds = 0.0
        for kind, num in kinds.items():
            state.recipe = replace(state.recipe, schedule=PhaseSchedule([Phase((kind,), None)]))
            times = [_timed(step, state) for _ in range(WARM_UP + TIMED)]
            seconds += num / kinds.total() * median(times[WARM_UP:])
        seconds += median(_timed(validate, state) for _ in range(3)) / params.sample_every
    each = seconds / params.batch_size
    return Cost(start, each, each)


def counted(schedule: Schedule, num_steps: int) -> Counter[Kind]:
    """How many of the first `num_steps` are of which kind, where no loss ends a phase early."""
    kinds = Counter[Kind]()
    for _ in range(num_steps):
        kinds[schedule.updates] += 1
        if schedule.advance():
            schedule.observe({})
    return kinds


def num_images(params: TrainParams, num_train: int, cost: Cost) -> int | None:
    """Images that the budget pays for; None where it is in minutes and the cost not known."""
    budget = Budget.parse(params.budget)
    if budget.unit == "minutes":
        return round(budget.seconds / cost.each) if cost.each else None
    return round(budget.number * (num_train if budget.unit == "epochs" else 1))


def _timed(work: "object", state: TrainState) -> float:
    assert callable(work)
    begun = time.monotonic()
    work()
    if state.processes.device.type == "cuda":
        torch.cuda.synchronize()
    return time.monotonic() - begun
