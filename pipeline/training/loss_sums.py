"""Sums of the losses since host and device last synced, kept on the device until then."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from models.recipe import Sums
from pipeline.training.update_step import StepResult

# No step: larger than any.
NEVER = 2**62


@dataclass
class _UpdateSums:
    """Of one update with T terms; scalars and (T,) tensors on the device."""

    terms: list[str]
    totals: Tensor  # (T,) float, over the finite steps
    num_finite: Tensor  # steps
    num_nonfinite: Tensor  # steps
    nonfinite_terms: Tensor  # (T,) float: steps in which this term was not finite
    first_nonfinite: Tensor  # step


@dataclass(frozen=True)
class Nonfinite:
    """Steps of an update that were skipped, since a loss or gradient was not finite."""

    update: str
    num_steps: int
    first_step: int  # counted from 1
    terms: tuple[str, ...]  # that were not finite; gradient_norm among them

    def __str__(self) -> str:
        what = " and ".join(self.terms)
        more = f" and {self.num_steps - 1} more" if self.num_steps > 1 else ""
        return f"{self.update} skipped at step {self.first_step:,}{more}: {what} not finite"


class LossSums:
    """Sums of every "update/term"."""

    def __init__(self) -> None:
        self.updates: dict[str, _UpdateSums] = {}

    def add(self, update: str, step: int, result: StepResult) -> None:
        """Adds one step's result; the host does not wait for the device."""
        values = torch.stack([value.float() for value in result.terms.values()])  # (T,)
        if update not in self.updates:
            zero = torch.zeros((), dtype=torch.int64, device=values.device)
            self.updates[update] = _UpdateSums(
                terms=list(result.terms),
                totals=torch.zeros_like(values),
                num_finite=zero,
                num_nonfinite=zero.clone(),
                nonfinite_terms=torch.zeros_like(values),
                first_nonfinite=zero + NEVER,
            )
        sums, finite = self.updates[update], result.finite
        # By torch.where and not by products: 0 * NaN is NaN.
        sums.totals += torch.where(finite, values, 0.0)
        sums.num_finite += finite
        sums.num_nonfinite += ~finite
        sums.nonfinite_terms += ~values.isfinite()
        first = torch.where(finite, NEVER, step)
        sums.first_nonfinite = torch.minimum(sums.first_nonfinite, first)

    def sync(self, average: Callable[[Sequence[Tensor]], None]) -> tuple[Sums, list[Nonfinite]]:
        """Waits for the device: the finite steps' sums, and what was skipped; then starts anew.

        `average` puts the mean over all processes into the tensors that it is given.
        """
        updates, self.updates = self.updates, {}
        average([each.totals for each in updates.values()])
        average([each.nonfinite_terms for each in updates.values()])
        sums: Sums = {}
        nonfinite = []
        for name, each in updates.items():
            num_finite, num_nonfinite = int(each.num_finite), int(each.num_nonfinite)
            if num_finite:
                totals = zip(each.terms, each.totals.tolist(), strict=True)
                sums |= {f"{name}/{term}": (total, num_finite) for term, total in totals}
            if num_nonfinite:
                counts = zip(each.terms, each.nonfinite_terms.tolist(), strict=True)
                terms = tuple(term for term, count in counts if count)
                first_step = int(each.first_nonfinite)
                nonfinite.append(Nonfinite(name, num_nonfinite, first_step, terms))
        return sums, nonfinite

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {update: asdict(sums) for update, sums in self.updates.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.updates = {update: _UpdateSums(**values) for update, values in state.items()}


def add_sums(first: Sums, second: Sums) -> Sums:
    """Both together, name by name."""
    both = dict(first)
    for name, (total, count) in second.items():
        before, num_before = both.get(name, (0.0, 0))
        both[name] = (before + total, num_before + count)
    return both


def means(sums: Sums) -> dict[str, float]:
    """Name by name."""
    return {name: total / count for name, (total, count) in sums.items()}
