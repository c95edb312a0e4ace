"""The checkpoints of a training: each a file replaced as a whole, enough to resume bit for bit."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from models.recipe import Recipe
from pipeline.runtime.saved_tensors import load_tensors, save_tensors

# Nested dicts and lists of tensors and plain values.
Contents = dict[str, Any]


def path_of(folder: Path, step: int) -> Path:
    """The checkpoint after `step` steps."""
    return folder / f"state-{step:09d}.pt"


def steps_in(folder: Path) -> list[int]:
    """Steps of the checkpoints in `folder`, newest first."""
    found = (re.fullmatch(r"state-(\d{9})\.pt", path.name) for path in folder.glob("state-*.pt"))
    return sorted((int(match[1]) for match in found if match), reverse=True)


def collect(recipe: Recipe, training: Contents) -> Contents:
    """The recipe's state and `training`, copied to host memory: later steps leave it alone."""
    contents = {
        "networks": {name: each.state_dict() for name, each in recipe.networks.items()},
        "optimizers": {name: each.state_dict() for name, each in recipe.optimizers.items()},
        "schedule": recipe.schedule.state_dict(),
        "training": training,
    }
    copy: Contents = pytree.tree_map_only(
        Tensor, lambda tensor: tensor.detach().to("cpu", copy=True), contents
    )
    return copy


def write(folder: Path, step: int, contents: Contents) -> None:
    """Under a temporary name first; a ValueError where weights are not finite."""
    for name, weights in contents["networks"].items():
        if not all(bool(weight.isfinite().all()) for weight in weights.values()):
            raise ValueError(
                f"the training diverged: the {name} holds weights that are not finite. The last "
                "good checkpoint is kept. Lower the recipe's learning rates in params.yaml"
            )
    save_tensors(contents, path_of(folder, step))


def remove(folder: Path, steps: set[int]) -> None:
    """The checkpoints of `steps`."""
    for step in steps:
        path_of(folder, step).unlink(missing_ok=True)


def read(folder: Path, step: int, device: torch.device) -> Contents:
    """The checkpoint after `step` steps, its tensors on `device`; errors as `load_tensors`."""
    contents: Contents = load_tensors(path_of(folder, step), device)
    return contents


def restore(recipe: Recipe, contents: Contents) -> Contents:
    """Puts the recipe back where it was; returns `training`."""
    for name, network in recipe.networks.items():
        network.load_state_dict(contents["networks"][name])
    for name, optimizer in recipe.optimizers.items():
        optimizer.load_state_dict(contents["optimizers"][name])
    recipe.schedule.load_state_dict(contents["schedule"])
    training: Contents = contents["training"]
    return training
