"""The state of a training in one file, replaced as a whole: enough to go on bit for bit."""

import os
from pathlib import Path
from typing import Any

import torch

from models.recipe import Recipe


def save(path: Path, recipe: Recipe, run: dict[str, Any]) -> None:
    """Writes the recipe's state and `run` (plain values and tensors) to `path`.

    A weight that is not finite is an error: the file in place stays the last good one.
    """
    state = {
        "networks": {name: each.state_dict() for name, each in recipe.networks.items()},
        "optimizers": {name: each.state_dict() for name, each in recipe.optimizers.items()},
        "schedule": recipe.schedule.state_dict(),
        "run": run,
    }
    _refuse_sick_weights(state["networks"])
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def restore(path: Path, recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """Loads the recipe's state from `path`; returns `run`. No pickled code is executed."""
    state = torch.load(path, map_location=device, weights_only=True)
    for name, network in recipe.networks.items():
        network.load_state_dict(state["networks"][name])
    for name, optimizer in recipe.optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    recipe.schedule.load_state_dict(state["schedule"])
    run: dict[str, Any] = state["run"]
    return run


def _refuse_sick_weights(networks: dict[str, dict[str, torch.Tensor]]) -> None:
    for name, weights in networks.items():
        if not all(bool(weight.isfinite().all()) for weight in weights.values()):
            raise ValueError(
                f"the training diverged: the {name} holds weights that are not finite. The last "
                "good checkpoint is kept. Lower the recipe's learning rates in params.yaml"
            )
