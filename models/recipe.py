"""What a recipe is: networks, the updates that train them, and the schedule of the updates.

The training loop knows this file and no recipe by name.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# Named scalars of one update: the terms of its loss, and figures that are only reported.
Terms = dict[str, Tensor]

# "update/term" -> (sum over the steps, number of steps): what the host reads at a sync.
Sums = dict[str, tuple[float, int]]


@dataclass(frozen=True)
class DataSpec:
    """What the data and the run fix for a recipe."""

    image_size: int  # px
    box_size: int  # px
    steps_per_epoch: int  # batches in one pass over the training split
    seed: int
    mean_color: tuple[float, float, float]  # of the training photos, in [-1, 1]


@dataclass(frozen=True)
class Batch:
    """Training photos with their holes, on the training device."""

    image: Tensor  # (N, 3, S, S) float in [-1, 1]
    mask: Tensor  # (N, 1, S, S) float, 1 = pixels to complete
    box: Tensor  # (N, 4) int64 [top, left, height, width]

    def parts(self, num: int) -> "list[Batch]":
        """The batch in `num` equal parts."""
        each = (self.image.chunk(num), self.mask.chunk(num), self.box.chunk(num))
        return [Batch(*part) for part in zip(*each, strict=True)]


@dataclass(frozen=True)
class Update:
    """One optimizer step of one network."""

    network: str  # the only one that requires grad
    optimizer: str
    terms: Callable[[Batch], Terms]
    weights: Mapping[str, float]  # loss = sum of weight * term; a term without one is only reported
    after_step: Callable[[], None] = lambda: None  # what keeps the weights within bounds, say
    compiles: bool = True  # False where the terms take gradients, which torch.compile cannot
    # Whether the frozen networks are in training mode too: batch norms take the batch's figures,
    # dropout is on. Their weights and buffers stay as they are either way.
    others_train: bool = False


class Schedule(Protocol):
    """Which updates come next."""

    @property
    def updates(self) -> tuple[str, ...]:
        """The updates of the next step, one after another on the same batch."""

    def advance(self) -> bool:
        """Counts one step as taken; whether host and device must sync now."""

    def observe(self, sums: Sums) -> None:
        """Takes in the sums since the last sync."""

    def state_dict(self) -> dict[str, Any]:
        """Its position, as plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""


@dataclass(frozen=True)
class Recipe:
    """A system ready to train."""

    generator: nn.Module  # what is averaged and kept, a Completer or Sampler: made of `networks`
    networks: dict[str, nn.Module]
    optimizers: dict[str, Optimizer]
    updates: dict[str, Update]
    schedule: Schedule
    # Learning rates as a share of the optimizers' own, by the share of the budget that is spent.
    rate: Callable[[float], float] = lambda spent: 1.0


def to_device(networks: dict[str, nn.Module], device: torch.device) -> dict[str, nn.Module]:
    """The same networks, moved to `device` and laid out for its convolutions."""
    # channels_last (NHWC in memory) is what convolutions are fast in, on CPU and GPU.
    for network in networks.values():
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return networks


@contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """Random numbers inside the block are a function of (seed, name) alone."""
    # By name, so that one network's first weights do not depend on another's size.
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    with torch.random.fork_rng(devices=[]):  # leaves the CPU's generator as it was
        torch.manual_seed(int.from_bytes(digest[:7], "big"))
        yield
