"""A stage that trains: its processes, the recipe's options and the folder of its states."""

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
from pipeline.shards.reader import read_meta
from pipeline.training.loop import train
from pipeline.training.processes import Processes, join, launch, launched


def load_options(recipe: str) -> RecipeOptions:
    """The section `recipes.<recipe>`, checked by that recipe's own model."""
    model: Any = registry.options_model(recipe)
    options: RecipeOptions = load(f"recipes.{recipe}", model)
    return options


def start_training(
    stage: str,
    data: Path,
    params: TrainParams,
    options: RecipeOptions,
    runtime: RuntimeParams,
) -> None:
    """Writes data/<stage>/: generator.safetensors, config.json, history/, samples/."""
    if runtime.processes > 1 and not launched():
        launch(runtime.processes, stage)
    tracked = {"train": params.model_dump(), "options": options.model_dump()}
    del tracked["train"]["budget"]  # a larger one goes on from the smaller one
    work: dict[str, Any] = {
        "params": tracked,
        "code": [
            f"pipeline/stages/{stage}.py",
            registry.recipe_path(params.recipe),
            hole_path(read_meta(data / "crop")["kind"]),
        ],
        "inputs": [data / "crop" / "meta.json"],
    }
    processes = join(runtime.device)
    with _scratch(stage, processes, work) as folder:
        train(
            crop_dir=data / "crop",
            out_dir=data / stage,
            scratch_dir=folder,
            params=params,
            options=options,
            runtime=runtime,
            processes=processes,
        )


def _scratch(
    stage: str, processes: Processes, work: dict[str, Any]
) -> AbstractContextManager[Path]:
    """One process holds the folder's lock for all."""
    if processes.is_main:
        return scratch(stage, **work, keep=True)
    return nullcontext(scratch_folder(stage, **work))
