"""Stage: shards -> a generator, its config, the metric history and sample grids."""

from pathlib import Path

from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.params.train import TrainParams
from pipeline.training.start import load_options, start_training


def run(data: Path = Path("data")) -> None:
    """Writes data/train/: generator.safetensors, config.json, history/, samples/."""
    params = load("train", TrainParams)
    options = load_options(params.recipe)
    start_training("train", data, params, options, load("runtime", RuntimeParams))
