"""The states of a training, each a file replaced as a whole: enough to go on bit for bit.

The newest is kept and, beside it, the last good one, to which a nonfinite training goes back.
"""

import os
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from models.recipe import Recipe

# Nested dicts and lists of tensors and plain values.
State = dict[str, Any]


def path_of(folder: Path, step: int) -> Path:
    """The file of the state after `step` steps."""
    return folder / f"state-{step:09d}.pt"


def steps_in(folder: Path) -> list[int]:
    """Steps of the states in `folder`, newest first."""
    found = (re.fullmatch(r"state-(\d{9})\.pt", path.name) for path in folder.glob("state-*.pt"))
    return sorted((int(match[1]) for match in found if match), reverse=True)


def snapshot(recipe: Recipe, run: State) -> State:
    """The recipe's state and `run`, copied to host memory: what happens later leaves it alone."""
    state = {
        "networks": {name: each.state_dict() for name, each in recipe.networks.items()},
        "optimizers": {name: each.state_dict() for name, each in recipe.optimizers.items()},
        "schedule": recipe.schedule.state_dict(),
        "run": run,
    }
    copy: State = pytree.tree_map_only(Tensor, lambda t: t.detach().to("cpu", copy=True), state)
    return copy


def write(folder: Path, step: int, state: State) -> None:
    """Under a temporary name first; refuses weights that are not finite."""
    _refuse_sick_weights(state["networks"])
    temporary = folder / "state.tmp"
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path_of(folder, step))


def forget(folder: Path, steps: set[int]) -> None:
    """Removes the states of `steps`."""
    for step in steps:
        path_of(folder, step).unlink(missing_ok=True)


def read(folder: Path, step: int, device: torch.device) -> State:
    """The state after `step` steps; no pickled code is executed."""
    state: State = torch.load(path_of(folder, step), map_location=device, weights_only=True)
    return state


def restore(recipe: Recipe, state: State) -> State:
    """Puts the recipe into `state`; returns `run`."""
    for name, network in recipe.networks.items():
        network.load_state_dict(state["networks"][name])
    for name, optimizer in recipe.optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    recipe.schedule.load_state_dict(state["schedule"])
    run: State = state["run"]
    return run


def _refuse_sick_weights(networks: dict[str, dict[str, Tensor]]) -> None:
    for name, weights in networks.items():
        if not all(bool(weight.isfinite().all()) for weight in weights.values()):
            raise ValueError(
                f"the training diverged: the {name} holds weights that are not finite. The last "
                "good state is kept. Lower the recipe's learning rates in params.yaml"
            )
