"""Running sums of the loss terms, kept on the device until host and device meet."""

import math
from typing import Any

import torch
from torch import Tensor

from models.recipe import Sums, Terms


class Tally:
    """Sums of every "update/term" since `since`, the step of the last meeting."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}  # scalars on the device
        self.counts: dict[str, int] = {}
        self.since = 0

    def add(self, update: str, terms: Terms) -> None:
        """Adds one step's terms; the device is not waited for."""
        for term, value in terms.items():
            name = f"{update}/{term}"
            self.totals[name] = self.totals[name] + value if name in self.totals else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def sums(self, step: int) -> Sums:
        """Waits for the device; a sum that is not finite is an error naming term and steps."""
        if not self.totals:
            return {}
        values = torch.stack([value.float() for value in self.totals.values()]).tolist()
        sums = {
            name: (value, self.counts[name])
            for name, value in zip(self.totals, values, strict=True)
        }
        sick = [
            f"{name} is {total}" for name, (total, _) in sums.items() if not math.isfinite(total)
        ]
        if sick:
            raise ValueError(
                f"the training diverged in steps {self.since + 1}..{step}: {', '.join(sick)}. "
                "The last good checkpoint is kept. Lower the recipe's learning rates or weights "
                "in params.yaml, or use train.precision: fp32"
            )
        return sums

    def clear(self, step: int) -> None:
        """Begins anew after a meeting at `step`."""
        self.totals, self.counts, self.since = {}, {}, step

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {"totals": dict(self.totals), "counts": dict(self.counts), "since": self.since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`; tensors are taken as they are."""
        self.totals, self.counts = dict(state["totals"]), dict(state["counts"])
        self.since = state["since"]


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
