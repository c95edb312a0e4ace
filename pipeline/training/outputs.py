"""What a finished training leaves."""

import shutil
from pathlib import Path
from typing import Any

from models.generator_files import save_generator
from pipeline.runtime.scratch import publish
from pipeline.training.history import write_history
from pipeline.training.progress_strip import write_progress_strip
from pipeline.training.train_state import TrainState
from pipeline.training.validation import Validation, save_grid


def write_outputs(
    scratch_dir: Path, state: TrainState, validation: Validation, config: dict[str, Any]
) -> None:
    """All that the stage leaves, into scratch_dir/outputs; the checkpoints stay as they are."""
    outputs, position = scratch_dir / "outputs", state.position
    shutil.rmtree(outputs, ignore_errors=True)

    # The weights to keep: the last ones have not been validated yet, and may be the best
    generator, selection = state.ema.network, state.selection
    last_figures = validation.figures(validation.generate(generator))
    selection.offer(last_figures, generator.state_dict(), state.num_images)
    if selection.weights:
        generator.load_state_dict(selection.weights)
    kept_images = selection.images if selection.weights else state.num_images

    # History, with the figures of the kept weights in the last step's row
    images = validation.generate(generator)
    figures = {f"val/{name}": value for name, value in validation.figures(images).items()}
    rows = list(position.history)
    has_last = rows and rows[-1]["step"] == position.step
    last = rows.pop() if has_last else {"step": position.step, "images": state.num_images}
    write_history(outputs / "history", [*rows, last | figures])

    # Generator and config
    config = config | {
        "num_steps": position.step,
        "num_images": state.num_images,
        "kept_images": kept_images,
        "num_returns": position.num_rollbacks,
        "loss_weights": state.loss_weights,
    }
    save_generator(outputs, generator, config)

    # Sample grids; a larger budget may have left later ones in the scratch folder
    samples = outputs / "samples"
    grids: dict[int, Path] = {}  # images seen -> grid
    for path in sorted((scratch_dir / "samples").glob("step-*.png")):
        step = int(path.stem.removeprefix("step-"))
        if step <= position.step:
            grids[step * state.params.batch_size] = samples / path.name
            publish(path, samples / path.name)
    save_grid(validation.grid(images, state.params.num_samples), samples / "final.png")
    grids[kept_images] = samples / "final.png"
    write_progress_strip(sorted(grids.items()), config["image_size"], samples / "progress.png")
