"""What a finished training leaves."""

import shutil
from pathlib import Path
from typing import Any

from models.generator_files import save_generator
from pipeline.runtime.scratch import publish
from pipeline.tracking.live import Row
from pipeline.training.history import write_history
from pipeline.training.progress_strip import write_progress_strip
from pipeline.training.train_state import TrainState
from pipeline.training.validation import Validation, save_grid


def write_outputs(
    scratch_dir: Path, run: TrainState, validation: Validation, config: dict[str, Any]
) -> None:
    """All that the stage leaves, into scratch_dir/outs; the states stay untouched by it."""
    outs, at = scratch_dir / "outs", run.at
    shutil.rmtree(outs, ignore_errors=True)
    generator = run.averaged.network
    run.selection.offer(
        validation.figures(validation.pictures(generator)), generator.state_dict(), run.num_images
    )
    if run.selection.weights:
        generator.load_state_dict(run.selection.weights)
    pictures = validation.pictures(generator)
    figures = {f"val/{name}": value for name, value in validation.figures(pictures).items()}
    write_history(outs / "history", with_last(run, figures))
    reached = {
        "num_steps": at.step,
        "num_images": run.num_images,
        "kept_images": run.selection.images if run.selection.weights else run.num_images,
        "num_returns": at.num_returns,
        "loss_weights": run.loss_weights,
    }
    config = config | reached
    save_generator(outs, generator, config)
    samples = outs / "samples"
    for path in _grids(scratch_dir / "samples", at.step):
        publish(path, samples / path.name)
    save_grid(validation.grid(pictures, run.params.num_samples), samples / "final.png")
    looks = {_step(grid) * run.params.batch_size: grid for grid in _grids(samples, at.step)}
    looks[config["kept_images"]] = samples / "final.png"
    write_progress_strip(sorted(looks.items()), config["image_size"], samples / "progress.png")


def _grids(folder: Path, last_step: int) -> list[Path]:
    """In order; a larger budget has left later ones."""
    return [path for path in sorted(folder.glob("step-*.png")) if _step(path) <= last_step]


def _step(grid: Path) -> int:
    return int(grid.stem.removeprefix("step-"))


def with_last(run: TrainState, figures: Row) -> list[Row]:
    """The history and `figures` of the weights kept, in the last step's row."""
    rows = list(run.at.history)
    is_there = rows and rows[-1]["step"] == run.at.step
    last = rows.pop() if is_there else {"step": run.at.step, "images": run.num_images}
    return [*rows, last | figures]
