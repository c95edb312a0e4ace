"""What a finished training leaves."""

import shutil
from pathlib import Path
from typing import Any

from pipeline.generator import save_generator
from pipeline.resume import publish
from pipeline.training.history import Row, write_history
from pipeline.training.run import TrainingRun
from pipeline.training.validation import Validation, save_grid


def write_outs(
    scratch_dir: Path, run: TrainingRun, validation: Validation, config: dict[str, Any]
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
    save_generator(outs, generator, config | reached)
    for path in sorted((scratch_dir / "samples").glob("step-*.png")):
        if path.stem <= f"step-{at.step:06d}":  # a larger budget has left later ones
            publish(path, outs / "samples" / path.name)
    save_grid(validation.grid(pictures, run.params.num_samples), outs / "samples" / "final.png")


def with_last(run: TrainingRun, figures: Row) -> list[Row]:
    """The history and `figures` of the weights kept, in the last step's row."""
    rows = list(run.at.history)
    is_there = rows and rows[-1]["step"] == run.at.step
    last = rows.pop() if is_there else {"step": run.at.step, "images": run.num_images}
    return [*rows, last | figures]
