"""Phases inside every epoch, ended early by running means: GANscape's schedule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.recipe import Sums

Means = Mapping[str, float]


@dataclass(frozen=True)
class Phase:
    """A stretch of steps that repeats the same updates on each batch."""

    updates: tuple[str, ...]  # one after another on the same batch
    num_steps: int
    ends_early: Callable[[Means], bool]  # given the means since the phase began


class PhaseSchedule:
    """Runs through the phases and begins again; a pass is one epoch of the schedule.

    Early ends are seen where host and device meet; they meet at each phase's last step at the
    latest, so that the sums of a meeting belong to one phase. Data order knows nothing of it: an
    epoch that ends early goes on with the next batch, not with a fresh shuffle.
    """

    def __init__(self, phases: list[Phase]) -> None:
        self.phases = [phase for phase in phases if phase.num_steps > 0]
        assert self.phases, "a schedule needs at least one phase with steps"
        self.index = 0  # of the current phase
        self.num_done = 0  # steps of the current phase
        self.sums: Sums = {}  # since the phase began

    @property
    def updates(self) -> tuple[str, ...]:
        """The updates of the next step."""
        return self.phases[self.index].updates

    def advance(self) -> bool:
        """Counts one step as taken; whether host and device must meet now."""
        self.num_done += 1
        return self.num_done >= self.phases[self.index].num_steps

    def observe(self, sums: Sums) -> None:
        """Takes in the sums since the last meeting and moves to the next phase where it is due."""
        for name, (total, count) in sums.items():
            before, num_before = self.sums.get(name, (0.0, 0))
            self.sums[name] = (before + total, num_before + count)
        phase = self.phases[self.index]
        means = {name: total / count for name, (total, count) in self.sums.items()}
        if self.num_done >= phase.num_steps or phase.ends_early(means):
            self.index = (self.index + 1) % len(self.phases)
            self.num_done, self.sums = 0, {}

    def state_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {"index": self.index, "num_done": self.num_done, "sums": dict(self.sums)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.index, self.num_done = state["index"], state["num_done"]
        self.sums = {name: (total, count) for name, (total, count) in state["sums"].items()}


def phase_lengths(fractions: list[float], steps_per_epoch: int) -> list[int]:
    """Steps of each phase: int(fraction * steps), the last takes the rest (GANscape).

    A phase with a fraction above 0 has at least one step, however small the data set.
    """
    *first, last = fractions
    lengths = [max(1, int(fraction * steps_per_epoch)) if fraction else 0 for fraction in first]
    rest = steps_per_epoch - sum(lengths)
    return [*lengths, max(1, rest) if last else 0]
