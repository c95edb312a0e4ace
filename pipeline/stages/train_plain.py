"""Stage: the recipe of `train` once more, at the same budget, without its adversary.

What the adversary gives and what it costs shows only beside this.
"""

import json
from pathlib import Path

from models.without_adversary import NothingLeft, without_adversary
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.params.train import TrainParams
from pipeline.params.train_plain import TrainPlainParams
from pipeline.runtime.progress import say
from pipeline.runtime.scratch import fresh_folder
from pipeline.training.start import load_options, start_training


def run(data: Path = Path("data")) -> None:
    """Writes data/train_plain/: as `train` does, or config.json alone, which says why."""
    params = load("train", TrainParams)
    if not load("train_plain", TrainPlainParams).enabled:
        _write_none(data / "train_plain", params.recipe, "params.yaml train_plain.enabled is false")
        return
    runtime = load("runtime", RuntimeParams)
    options = load_options(params.recipe)
    try:
        start_training("train_plain", data, params, options, runtime, without_adversary)
    except NothingLeft as reason:
        say(f"train_plain: recipe {params.recipe!r} is left out: {reason}")
        _write_none(data / "train_plain", params.recipe, str(reason))


def _write_none(out: Path, recipe: str, reason: str) -> None:
    fresh_folder(out)
    config = {"enabled": False, "recipe": recipe, "reason": reason}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
