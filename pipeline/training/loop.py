"""The training: one loop for every recipe, from shards to a generator, its config and history.

Stopped at any step it goes on bit for bit from where it was.
"""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import torch

from models import registry
from models.components.generators import Sampler
from models.components.options import RecipeOptions
from models.determinism import be_deterministic
from models.recipe import DataSpec
from models.without_adversary import without_adversary
from pipeline.params.runtime import RuntimeParams
from pipeline.params.train import TrainParams
from pipeline.runtime.background import Background
from pipeline.runtime.devices import num_threads
from pipeline.runtime.progress import say
from pipeline.runtime.scratch import publish
from pipeline.runtime.stop_signal import stop_signal
from pipeline.shards.reader import read_meta
from pipeline.tracking.live import Row
from pipeline.tracking.train_logger import Facts, TrainLogger, train_logger
from pipeline.training.batch_loader import open_batch_loader
from pipeline.training.budget import Budget
from pipeline.training.compiler import compiled, resolved_mode
from pipeline.training.completion_validation import CompletionValidation
from pipeline.training.ema import EMA
from pipeline.training.loss_sums import Nonfinite
from pipeline.training.mean_color import Color, mean_color
from pipeline.training.outputs import write_outputs
from pipeline.training.precision import autocast_dtype, resolved_precision, speed_of_bf16
from pipeline.training.processes import Processes, synchronise
from pipeline.training.sampling_validation import SamplingValidation
from pipeline.training.selection import HIGHER_IS_BETTER, Selection
from pipeline.training.train_state import TrainState
from pipeline.training.validation import Validation, save_grid


def train(
    *,
    crop_dir: Path,  # the final shards and meta.json
    out_dir: Path,  # generator.safetensors, config.json, history/, samples/; written at the end
    scratch_dir: Path,  # states, sample grids and live files
    params: TrainParams,
    options: RecipeOptions,
    runtime: RuntimeParams,
    processes: Processes,
) -> None:
    """Trains `params.recipe`; on Ctrl-C or SIGTERM saves and raises KeyboardInterrupt."""
    # DataSpec up
    torch.set_num_threads(max(1, num_threads(runtime.threads) // processes.num))
    be_deterministic(processes.device)
    meta = read_meta(crop_dir)
    config = config_of(meta, params, options, processes)
    amp_dtype = autocast_dtype(config["precision"])
    color = mean_color(crop_dir, meta)
    run = begin(meta, color, params, options, processes, scratch_dir)
    is_resumed = run.resume()
    processes.wait()  # until all have seen the same states: the main one writes the first

    with ExitStack() as stack:
        loader = open_batch_loader(crop_dir, meta, params, runtime, processes, stack)
        validation = open_validation(run, crop_dir, meta)
        background = stack.enter_context(Background())
        tell = stack.enter_context(open_logger(run, config, runtime.trackers, background))
        stop_asked = stack.enter_context(stop_signal())
        tell.note(switches(config))
        if is_resumed:
            tell.note(f"going on from step {run.at.step:,}")
        else:
            save_checkpoint(run, background)
        run.recipe = compiled(run.recipe, config["compile"])
        run.clock = time.monotonic()
        over = run.is_over()

        while not over:
            # Batch
            loader.seed_noise(run.at.step)
            parts = loader.batch(run.at.step).parts(params.accumulate)

            # Updates
            due = run.take_step(parts, amp_dtype)
            tell.step()

            # Meet the host
            if due.meeting:
                nonfinite = run.meet()
                for each in nonfinite:
                    tell.note(str(each))
                if run.is_lost:
                    rollback(run, nonfinite, background, tell)
                    continue

            # Validation and log
            figures = validate(run, validation, background, tell) if due.validation else {}
            if due.row or figures:
                tell.row(run.add_row(due, figures))

            # Checkpoint
            over = run.is_over() if due.meeting else run.at.step == run.num_steps
            stop = processes.agree(stop_asked(), now=due.meeting)
            if due.checkpoint:
                run.note_checkpoint()
            if due.checkpoint or over or stop:
                save_checkpoint(run, background)
            if stop and not over:
                tell.note(f"stopped at step {run.at.step:,}; run it again to go on")
                raise KeyboardInterrupt
        background.wait()

    # Publish
    if processes.is_main:
        write_outputs(scratch_dir, run, validation, config)
        for out in sorted((scratch_dir / "outs").iterdir()):
            publish(out, out_dir / out.name)
    processes.wait()


def config_of(
    meta: dict[str, Any], params: TrainParams, options: RecipeOptions, processes: Processes
) -> dict[str, Any]:
    """What it takes to rebuild the generator, and what made it."""
    device = processes.device
    precision = resolved_precision(params.precision, device)
    if precision == "bf16" and processes.is_main:
        times = speed_of_bf16(device)
        say(f"train: a convolution in bf16 is {times:.2f} times as fast as in fp32 here")
    return {
        "recipe": params.recipe,
        "options": options.model_dump(),
        "image_size": meta["image_size"],
        "box_size": meta["box_size"],
        "train": params.model_dump(),
        "device": device.type,
        "num_processes": processes.num,
        "precision": precision,
        "compile": resolved_mode(params.compile),
    }


def switches(config: dict[str, Any]) -> str:
    """What the speed depends on here."""
    processes = f"{config['num_processes']} processes on " if config["num_processes"] > 1 else ""
    compiled = "" if config["compile"] == "none" else f", compiled ({config['compile']})"
    threads = f", {torch.get_num_threads()} threads" if config["device"] == "cpu" else ""
    return f"{processes}{config['device']}{threads}, {config['precision']}, channels_last{compiled}"


def begin(
    meta: dict[str, Any],
    color: Color,
    params: TrainParams,
    options: RecipeOptions,
    processes: Processes,
    scratch_dir: Path,
) -> TrainState:
    """The chosen recipe, sized to the shards, at step 0."""
    steps_per_epoch = max(1, meta["num_samples"]["train"] // params.batch_size)
    data_spec = DataSpec(
        image_size=meta["image_size"],
        box_size=meta["box_size"],
        steps_per_epoch=steps_per_epoch,
        seed=params.seed,
        mean_color=color,
    )
    recipe = registry.build(params.recipe, options, data_spec, processes.device)
    if not params.adversary:
        recipe = without_adversary(recipe)
    synchronise(recipe, processes, params.batch_size)
    scratch_dir.mkdir(parents=True, exist_ok=True)
    return TrainState(
        recipe,
        EMA(recipe.generator, params.ema_images),
        params,
        processes,
        Budget.parse(params.budget).num_steps(params.batch_size, steps_per_epoch),
        scratch_dir,
        Selection(params.select, params.patience_images),
    )


def open_validation(run: TrainState, crop_dir: Path, meta: dict[str, Any]) -> Validation:
    """Of samples where the generator makes up pictures: its completions may take a search each."""
    is_sampler = isinstance(run.averaged.network, Sampler)
    validation: type[SamplingValidation | CompletionValidation] = (
        SamplingValidation if is_sampler else CompletionValidation
    )
    select = run.params.select
    if select != "last" and select not in validation.FIGURES:
        does = "makes up pictures" if is_sampler else "completes holes"
        allowed = ["last", *(name for name in HIGHER_IS_BETTER if name in validation.FIGURES)]
        raise ValueError(
            f"params.yaml train.select is {select!r}, a figure that the training of recipe "
            f"{run.params.recipe!r}, which {does}, does not have: write {' or '.join(allowed)}"
        )
    return validation.load(crop_dir, meta, run.processes.device)


def open_logger(
    run: TrainState, config: dict[str, Any], trackers: Sequence[str], background: Background
) -> AbstractContextManager[TrainLogger]:
    """The main process tells how it goes; the others are silent."""
    if not run.processes.is_main:
        return nullcontext(TrainLogger())
    facts = Facts(
        config=config,
        networks=run.recipe.networks,
        weights=run.loss_weights,
        num_steps=run.num_steps,
        budget_seconds=Budget.parse(run.params.budget).seconds,
    )
    return train_logger(
        facts,
        run.folder,
        trackers,
        step=run.at.step,
        seconds=run.at.seconds,
        history=run.at.history,
        background=background,
    )


def validate(
    run: TrainState, validation: Validation, background: Background, tell: TrainLogger
) -> Row:
    """Figures and grid of the averaged weights, by the main process."""
    if not run.processes.is_main:
        return {}
    network = run.averaged.network
    pictures = validation.pictures(network)
    figures = validation.figures(pictures)
    run.selection.offer(figures, network.state_dict(), run.num_images)
    grid = validation.grid(pictures, run.params.num_samples)
    path = run.folder / "samples" / f"step-{run.at.step:06d}.png"
    background.submit(lambda: save_grid(grid, path))
    tell.picture(path, run.at.step)
    return {f"val/{name}": value for name, value in figures.items()}


def save_checkpoint(run: TrainState, background: Background) -> None:
    """Writes the run's state, by the main process, while the training goes on."""
    if run.processes.is_main:
        state = run.snapshot()
        background.submit(lambda: run.write(state))


def rollback(
    run: TrainState, nonfinite: list[Nonfinite], background: Background, tell: TrainLogger
) -> None:
    """All processes return to the last good state together."""
    background.wait()
    run.processes.wait()
    run.rollback(nonfinite)
    tell.rolled_back(run.at.step, run.at.history)
