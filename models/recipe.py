"""What a recipe is: networks, the updates that train them, and the schedule of the updates.

The training loop knows this file and no recipe by name.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.optim import Optimizer

# Named scalars of one update: the terms of its loss, and figures that are only reported.
Terms = dict[str, Tensor]

# "update/term" -> (sum over the steps, number of steps): what host and device meet for.
Sums = dict[str, tuple[float, int]]


class RecipeOptions(BaseModel):
    """Base of every recipe's options: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True)
class Setting:
    """What the data and the run fix for a recipe."""

    image_size: int  # px
    box_size: int  # px
    steps_per_epoch: int  # batches in one pass over the training split
    seed: int


@dataclass(frozen=True)
class Batch:
    """Training photos with their holes, on the training device."""

    image: Tensor  # (N, 3, S, S) float in [-1, 1]
    mask: Tensor  # (N, 1, S, S) float, 1 = pixels to complete
    box: Tensor  # (N, 4) int64 [top, left, height, width]


@dataclass(frozen=True)
class Update:
    """One optimizer step of one network."""

    network: str  # the only one that requires grad
    optimizer: str
    terms: Callable[[Batch], Terms]
    weights: Mapping[str, float]  # loss = sum of weight * term; a term without one is only reported


class Schedule(Protocol):
    """Which updates come next."""

    @property
    def updates(self) -> tuple[str, ...]:
        """The updates of the next step, one after another on the same batch."""

    def advance(self) -> bool:
        """Counts one step as taken; whether host and device must meet now."""

    def observe(self, sums: Sums) -> None:
        """Takes in the sums since the last meeting."""

    def state_dict(self) -> dict[str, Any]:
        """Its position, as plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""


@dataclass(frozen=True)
class Recipe:
    """A system ready to train. `networks["generator"](image, mask)` returns the output."""

    networks: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]
    updates: dict[str, Update]
    schedule: Schedule


def take_update(recipe: Recipe, name: str, batch: Batch, low: torch.dtype | None) -> Terms:
    """One step of update `name`; returns its terms, detached, still on the device.

    `low` is the precision of matrix products and convolutions, None that of the weights.

    The other networks are frozen whole: no gradient reaches their parameters, and in inference
    mode their buffers stay as they are.
    """
    update = recipe.updates[name]
    freeze_all_but(recipe.networks, update.network)
    optimizer = recipe.optimizers[update.optimizer]
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(batch.image.device.type, dtype=low, enabled=low is not None):
        terms = update.terms(batch)
    loss = torch.stack([weight * terms[term] for term, weight in update.weights.items()]).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return {term: value.detach() for term, value in terms.items()}


def freeze_all_but(networks: Mapping[str, nn.Module], trained: str) -> None:
    """Only `trained` requires grad and is in training mode."""
    for name, network in networks.items():
        network.requires_grad_(name == trained)
        network.train(name == trained)


@contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """Random numbers inside the block are a function of (seed, name) alone."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(digest[:7], "big"))
        yield
