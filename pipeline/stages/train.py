"""Stage: shards -> a generator, its config, the metric history and sample grids."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from models import registry
from models.components.options import RecipeOptions
from pipeline.holes.cutter import hole_path
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.params.train import TrainParams
from pipeline.runtime.scratch import scratch, scratch_folder
from pipeline.shards.reader import read_meta, shard_folder
from pipeline.training.loop import train
from pipeline.training.processes import join, launch, launched


def run(data: Path = Path("data")) -> None:
    """Writes data/train/: generator.safetensors, config.json, history/, samples/."""
    # Params; the recipe's own are checked by the model in the recipe's file
    params, runtime = load("train", TrainParams), load("runtime", RuntimeParams)
    model: Any = registry.options_model(params.recipe)
    options: RecipeOptions = load(f"recipes.{params.recipe}", model)

    # Processes: this one becomes torchrun, which starts the stage once more in each of them
    if runtime.processes > 1 and not launched():
        launch(runtime.processes, "train")
    processes = join(runtime.device)

    # The scratch folder, whose checkpoints a training with the same fingerprint resumes from
    tracked = {"train": params.model_dump(), "options": options.model_dump()}
    del tracked["train"]["budget"]  # a larger budget continues the smaller one
    work: dict[str, Any] = {
        "params": tracked,
        "code": [
            "pipeline/stages/train.py",
            registry.recipe_path(params.recipe),
            hole_path(read_meta(data / "crop")["kind"]),
        ],
        "inputs": [data / "crop" / "meta.json"],
    }
    folder: AbstractContextManager[Path]
    if processes.is_main:  # holds the folder's lock for all
        folder = scratch("train", **work, keep=True)
    else:
        folder = nullcontext(scratch_folder("train", **work))

    with folder as scratch_dir:
        train(
            crop_dir=shard_folder(data / "crop", runtime.shards),
            out_dir=data / "train",
            scratch_dir=scratch_dir,
            params=params,
            options=options,
            runtime=runtime,
            processes=processes,
        )
