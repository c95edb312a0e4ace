"""Which weights of a training are kept, and when it is no use to wait for better ones."""

import copy
from typing import Any

from torch import Tensor

# What train.select names -> whether more is better.
HIGHER_IS_BETTER = {"hole_l1": False, "hole_psnr": True, "sliced_wasserstein": False}


class Selection:
    """The best weights so far by a figure of validation; `last` names none and keeps none."""

    def __init__(self, figure: str, patience: int) -> None:
        self.figure = figure
        self.patience = patience  # images; 0: for ever
        self.best: float | None = None
        self.images = 0  # seen when `best` was
        self.weights: dict[str, Tensor] = {}  # a state_dict; empty before the first offer

    def offer(self, figures: dict[str, float], weights: dict[str, Tensor], images: int) -> None:
        """Keeps a copy of `weights` where their figure is the best."""
        if self.figure not in HIGHER_IS_BETTER:
            return
        value = figures[self.figure]
        sign = 1 if HIGHER_IS_BETTER[self.figure] else -1
        if self.best is None or sign * value > sign * self.best:
            # A copy: the averaged weights go on changing.
            self.best, self.images, self.weights = value, images, copy.deepcopy(weights)

    def is_over(self, images: int) -> bool:
        """Whether the patience is at its end after `images`."""
        has_waited = self.best is not None and images - self.images >= self.patience
        return self.patience > 0 and has_waited

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {"best": self.best, "images": self.images, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.best, self.images, self.weights = state["best"], state["images"], state["weights"]
