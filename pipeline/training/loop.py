"""The training: one loop for every recipe, from shards to a generator, its config and history.

The way to a loss: this loop, `update_step` (one optimizer step), and the recipe's own file in
models/recipes. Stopped at any step, a training resumes bit for bit where it was.
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
from pipeline.shards.reader import ShardFolder, read_meta
from pipeline.tracking.live import Row
from pipeline.tracking.train_logger import Facts, TrainLogger, train_logger
from pipeline.training.batch_loader import open_batch_loader
from pipeline.training.budget import Budget
from pipeline.training.compiler import compiled, resolved_mode
from pipeline.training.completion_validation import CompletionValidation
from pipeline.training.ema import EMA
from pipeline.training.outputs import write_outputs
from pipeline.training.photos import Color, mean_color
from pipeline.training.precision import (
    autocast_dtype,
    check_bf16,
    resolved_precision,
    speed_of_bf16,
)
from pipeline.training.processes import Processes, distribute
from pipeline.training.sampling_validation import SamplingValidation
from pipeline.training.selection import HIGHER_IS_BETTER, Selection
from pipeline.training.train_state import TrainState
from pipeline.training.validation import Validation, save_grid


def train(
    *,
    crop_dir: ShardFolder,  # the final shards and meta.json
    out_dir: Path,  # generator.safetensors, config.json, history/, samples/; written at the end
    scratch_dir: Path,  # checkpoints, sample grids and live files
    params: TrainParams,
    options: RecipeOptions,
    runtime: RuntimeParams,
    processes: Processes,
) -> None:
    """Trains `params.recipe`; on Ctrl-C or SIGTERM saves and raises KeyboardInterrupt."""
    # Set up
    torch.set_num_threads(max(1, num_threads(runtime.threads) // processes.num))
    be_deterministic(processes.device)
    meta = read_meta(crop_dir)
    config = config_of(meta, params, options, processes)
    amp_dtype = autocast_dtype(config["precision"])
    color = mean_color(crop_dir, meta)
    state = build_state(meta, color, params, options, processes, scratch_dir)
    is_resumed = state.resume()
    processes.wait()  # all read the same checkpoints before the main one writes the first

    with ExitStack() as stack:
        loader = open_batch_loader(crop_dir, meta, params, runtime, processes, stack)
        validation = open_validation(state, crop_dir, meta)
        background = stack.enter_context(Background())
        logger = stack.enter_context(open_logger(state, config, runtime.trackers, background))
        stop_requested = stack.enter_context(stop_signal())
        logger.info(machine_line(config))
        if is_resumed:
            logger.info(f"resuming from step {state.position.step:,}")
        else:
            save_checkpoint(state, background)  # what a training that diverges early rolls back to
        state.recipe = compiled(state.recipe, config["compile"])
        state.clock = time.monotonic()
        is_over = state.is_over()

        while not is_over:
            # Batch
            loader.seed_noise(state.position.step)
            parts = loader.batch(state.position.step).parts(params.accumulate)

            # Updates
            due = state.train_step(parts, amp_dtype)
            logger.step()

            # Sync: read the losses from the device
            if due.sync:
                nonfinite = state.sync()
                for each in nonfinite:
                    logger.info(str(each))
                if state.diverged:
                    background.wait()  # until the checkpoint to roll back to is written
                    processes.wait()
                    state.rollback(nonfinite)
                    logger.rolled_back(state.position.step, state.position.history)
                    continue

            # Validation and metrics
            figures = validate(state, validation, background, logger) if due.validation else {}
            if due.row or figures:
                logger.metrics(state.add_row(due, figures))

            # Checkpoint
            is_over = state.is_over() if due.sync else state.position.step == state.num_steps
            stop = processes.agree(stop_requested(), now=due.sync)
            if due.checkpoint:
                state.judge_checkpoint()
            if due.checkpoint or is_over or stop:
                save_checkpoint(state, background)
            if stop and not is_over:
                logger.info(f"stopped at step {state.position.step:,}; run it again to resume")
                raise KeyboardInterrupt
        background.wait()

    # Publish
    if processes.is_main:
        write_outputs(scratch_dir, state, validation, config)
        for output in sorted((scratch_dir / "outputs").iterdir()):
            publish(output, out_dir / output.name)
    processes.wait()


def config_of(
    meta: dict[str, Any], params: TrainParams, options: RecipeOptions, processes: Processes
) -> dict[str, Any]:
    """What it takes to rebuild the generator, and what made it."""
    device = processes.device
    precision = resolved_precision(params.precision, device)
    if precision == "bf16":
        check_bf16(device)
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


def machine_line(config: dict[str, Any]) -> str:
    """What the speed depends on here, in one line of the log."""
    processes = f"{config['num_processes']} processes on " if config["num_processes"] > 1 else ""
    compiled = "" if config["compile"] == "none" else f", compiled ({config['compile']})"
    threads = f", {torch.get_num_threads()} threads" if config["device"] == "cpu" else ""
    return f"{processes}{config['device']}{threads}, {config['precision']}, channels_last{compiled}"


def build_state(
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
    distribute(recipe, processes, params.batch_size)
    scratch_dir.mkdir(parents=True, exist_ok=True)
    return TrainState(
        recipe=recipe,
        ema=EMA(recipe.generator, params.ema_images),
        params=params,
        processes=processes,
        num_steps=Budget.parse(params.budget).num_steps(params.batch_size, steps_per_epoch),
        folder=scratch_dir,
        selection=Selection(params.select, params.patience_images),
    )


def open_validation(state: TrainState, crop_dir: ShardFolder, meta: dict[str, Any]) -> Validation:
    """Of samples where the generator draws samples: its completions may take a search each."""
    is_sampler = isinstance(state.ema.network, Sampler)
    validation: type[SamplingValidation | CompletionValidation] = (
        SamplingValidation if is_sampler else CompletionValidation
    )
    select = state.params.select
    if select != "last" and select not in validation.FIGURES:
        does = "makes up images" if is_sampler else "completes holes"
        allowed = ["last", *(name for name in HIGHER_IS_BETTER if name in validation.FIGURES)]
        raise ValueError(
            f"params.yaml train.select is {select!r}, a figure that the training of recipe "
            f"{state.params.recipe!r}, which {does}, does not have: write {' or '.join(allowed)}"
        )
    return validation.load(crop_dir, meta, state.processes.device)


def open_logger(
    state: TrainState, config: dict[str, Any], trackers: Sequence[str], background: Background
) -> AbstractContextManager[TrainLogger]:
    """The main process logs; the others are silent."""
    if not state.processes.is_main:
        return nullcontext(TrainLogger())
    facts = Facts(
        config=config,
        networks=state.recipe.networks,
        weights=state.loss_weights,
        num_steps=state.num_steps,
        budget_seconds=Budget.parse(state.params.budget).seconds,
    )
    return train_logger(
        facts,
        state.folder,
        trackers,
        step=state.position.step,
        seconds=state.position.seconds,
        history=state.position.history,
        background=background,
    )


def validate(
    state: TrainState, validation: Validation, background: Background, logger: TrainLogger
) -> Row:
    """Figures and sample grid of the averaged weights, by the main process."""
    if not state.processes.is_main:
        return {}
    network = state.ema.network
    images = validation.generate(network)
    figures = validation.figures(images)
    state.selection.offer(figures, network.state_dict(), state.num_images)
    grid = validation.grid(images, state.params.num_samples)
    path = state.folder / "samples" / f"step-{state.position.step:06d}.png"
    background.submit(lambda: save_grid(grid, path))
    logger.image(path, state.position.step)
    return {f"val/{name}": value for name, value in figures.items()}


def save_checkpoint(state: TrainState, background: Background) -> None:
    """By the main process: copied now, written while the training goes on."""
    if state.processes.is_main:
        contents = state.state_dict()
        background.submit(lambda: state.write_checkpoint(contents))
