"""What the updates did since host and device last met, kept on the device until then."""

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
class _Account:
    """Of one update."""

    terms: list[str]
    totals: Tensor  # (T,) float, over the finite steps
    num_finite: Tensor  # steps
    num_nonfinite: Tensor  # steps
    nonfinite_terms: Tensor  # (T,) float: steps in which this term was not finite
    first_nonfinite: Tensor  # step


@dataclass(frozen=True)
class Nonfinite:
    """Steps of an update that were left out."""

    update: str
    num_steps: int
    first_step: int  # counted from 1
    terms: tuple[str, ...]  # that were not finite; gradient_norm among them

    def __str__(self) -> str:
        what = " and ".join(self.terms)
        more = f" and {self.num_steps - 1} more" if self.num_steps > 1 else ""
        return f"{self.update} left out at step {self.first_step:,}{more}: {what} not finite"


class LossSums:
    """Sums of every "update/term"."""

    def __init__(self) -> None:
        self.accounts: dict[str, _Account] = {}

    def add(self, update: str, step: int, result: StepResult) -> None:
        """Adds one step's result; the device is not waited for."""
        values = torch.stack([value.float() for value in result.terms.values()])
        if update not in self.accounts:
            self.accounts[update] = _empty(list(result.terms), values)
        account, finite = self.accounts[update], result.finite
        account.totals += torch.where(finite, values, 0.0)
        account.num_finite += finite
        account.num_nonfinite += ~finite
        account.nonfinite_terms += ~values.isfinite()
        first = torch.where(finite, NEVER, step)
        account.first_nonfinite = torch.minimum(account.first_nonfinite, first)

    def meet(self, average: Callable[[Sequence[Tensor]], None]) -> tuple[Sums, list[Nonfinite]]:
        """Waits for the device; the finite steps' sums, what was left out; then begins anew."""
        accounts, self.accounts = self.accounts, {}
        average([account.totals for account in accounts.values()])
        average([account.nonfinite_terms for account in accounts.values()])
        sums: Sums = {}
        nonfinite = []
        for update, account in accounts.items():
            num = int(account.num_finite)
            if num:
                totals = account.totals.tolist()
                each = zip(account.terms, totals, strict=True)
                sums |= {f"{update}/{term}": (total, num) for term, total in each}
            if account.num_nonfinite:
                nonfinite.append(_nonfinite(update, account))
        return sums, nonfinite

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {update: asdict(account) for update, account in self.accounts.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.accounts = {update: _Account(**values) for update, values in state.items()}


def _empty(terms: list[str], values: Tensor) -> _Account:
    none = torch.zeros((), dtype=torch.int64, device=values.device)
    return _Account(
        terms, torch.zeros_like(values), none, none.clone(), torch.zeros_like(values), none + NEVER
    )


def _nonfinite(update: str, account: _Account) -> Nonfinite:
    terms = zip(account.terms, account.nonfinite_terms.tolist(), strict=True)
    nonfinite = tuple(term for term, share in terms if share)
    return Nonfinite(update, int(account.num_nonfinite), int(account.first_nonfinite), nonfinite)


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
