"""Phases of a training, ended early by running means: in every epoch (GANscape) or once a run."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.recipe import Sums

Means = Mapping[str, float]

# Shares of the budget and of the highest learning rate (cosine_rate).
WARM_UP, LAST_RATE = 0.03, 0.01
FIRST_SPENT = 1e-4  # counts for what is less, so that the first step is one


@dataclass(frozen=True)
class Phase:
    """A stretch of steps that repeats a pattern of updates."""

    pattern: tuple[tuple[str, ...], ...]  # of each step: one after another on the same batch
    num_steps: int | None  # None: for the rest of the training
    ends_early: Callable[[Means], bool] = lambda means: False  # the means since the phase began


class PhaseSchedule:
    """Runs through the phases and begins again, unless the last one has no end.

    Early ends are seen at syncs, when the host reads the losses from the device. One comes at each
    phase's last step at the latest, so that the sums of a sync belong to one phase. The order of
    the data knows nothing of it: an epoch that ends early continues with the next batch, not with
    a fresh shuffle.
    """

    def __init__(self, phases: list[Phase]) -> None:
        self.phases = [phase for phase in phases if phase.num_steps != 0]
        assert self.phases, "a schedule needs at least one phase with steps"
        assert all(phase.num_steps for phase in self.phases[:-1]), "only the last has no end"
        self.index = 0  # of the current phase
        self.num_done = 0  # steps of the current phase
        self.sums: Sums = {}  # since the phase began

    @property
    def updates(self) -> tuple[str, ...]:
        """The updates of the next step."""
        # ((critic,), (critic, generator)) takes two steps: the second trains both on one batch.
        pattern = self.phases[self.index].pattern
        return pattern[self.num_done % len(pattern)]

    def advance(self) -> bool:
        """Counts one step as taken; whether host and device must sync now."""
        self.num_done += 1
        return self._is_over

    def observe(self, sums: Sums) -> None:
        """Takes in the sums since the last sync and moves to the next phase where it is due."""
        # Running means are those since the phase began, however often host and device sync.
        for name, (total, count) in sums.items():
            before, num_before = self.sums.get(name, (0.0, 0))
            self.sums[name] = (before + total, num_before + count)
        phase = self.phases[self.index]
        means = {name: total / count for name, (total, count) in self.sums.items()}
        if self._is_over or phase.ends_early(means):
            self.index = (self.index + 1) % len(self.phases)
            self.num_done, self.sums = 0, {}

    @property
    def _is_over(self) -> bool:
        num_steps = self.phases[self.index].num_steps
        return num_steps is not None and self.num_done >= num_steps

    def state_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {"index": self.index, "num_done": self.num_done, "sums": dict(self.sums)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.index, self.num_done = state["index"], state["num_done"]
        self.sums = {name: (total, count) for name, (total, count) in state["sums"].items()}


def cosine_rate(spent: float) -> float:
    """Learning rates as a share of the highest: up in a line, then down along a cosine.

    `spent` is the share of the budget, 0..1; a larger budget begins again where it is then.
    """
    falling = LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * min(spent, 1.0))) / 2
    return falling * min(1.0, max(spent, FIRST_SPENT) / WARM_UP)


def phase_lengths(fractions: list[float], steps_per_epoch: int) -> list[int]:
    """Steps of each phase: int(fraction * steps), the last takes the rest (GANscape).

    A phase with a fraction above 0 has at least one step, however small the data set.
    """
    *first, last = fractions
    lengths = [max(1, int(fraction * steps_per_epoch)) if fraction else 0 for fraction in first]
    rest = steps_per_epoch - sum(lengths)
    return [*lengths, max(1, rest) if last else 0]
