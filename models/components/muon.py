"""Muon: momentum whose matrices are made orthogonal (Jordan et al. 2024), AdamW for the rest.

torch.optim.Muon takes matrices alone, works in bf16 whatever the processor, which without the
instructions is some fifty times slower, and leaves the other weights to a second optimizer.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# Jordan's: after five steps singular values lie between 0.7 and 1.2.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NUM_STEPS = 5
MOMENTUM = 0.95  # Nesterov's
BETAS, EPS = (0.9, 0.99), 1e-8  # of AdamW


class Muon(Optimizer):
    """One optimizer of a whole network: two groups with learning rates of their own."""

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],  # of two or more dimensions, the first the outputs
        others: Iterable[nn.Parameter],
        *,
        lr: float,
        others_lr: float,
        weight_decay: float,
    ) -> None:
        groups: list[dict[str, Any]] = [
            {"params": list(matrices), "lr": lr, "orthogonal": True},
            {"params": list(others), "lr": others_lr, "orthogonal": False},
        ]
        super().__init__(groups, {"weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; `closure` is torch's, and not taken."""
        assert closure is None
        for group in self.param_groups:
            step = self._muon if group["orthogonal"] else self._adamw
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    step(weight, weight.grad, group["lr"])

    def _muon(self, weight: Tensor, gradient: Tensor, lr: float) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        change = torch.lerp(gradient, momentum, MOMENTUM).flatten(1)
        rows, columns = change.shape
        change = orthogonal(change) * math.sqrt(max(1, rows / columns))
        weight.sub_(lr * change.view(weight.shape))

    def _adamw(self, weight: Tensor, gradient: Tensor, lr: float) -> None:
        state = self.state[weight]
        if not state:
            state["first"], state["second"] = torch.zeros_like(weight), torch.zeros_like(weight)
            state["num"] = torch.zeros((), device=weight.device)
        state["num"] += 1
        first = state["first"].lerp_(gradient, 1 - BETAS[0]) / (1 - BETAS[0] ** state["num"])
        second = state["second"].lerp_(gradient.square(), 1 - BETAS[1])
        weight.sub_(lr * first / ((second / (1 - BETAS[1] ** state["num"])).sqrt() + EPS))


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix with singular values of about 1, by Newton-Schulz steps.

    Each step multiplies by a polynomial of the matrix's Gram matrix. All of them commute, so that
    they are multiplied first, in the smaller of the two sizes: half of the work.
    """
    a, b, c = COEFFICIENTS
    wide = matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    gram = wide @ wide.mT
    unit = torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
    product = unit
    for _ in range(NUM_STEPS):
        step = a * unit + b * gram + c * gram @ gram
        product = step @ product
        gram = step @ gram @ step
    wide = product @ wide
    made: Tensor = wide.mT if matrix.shape[0] > matrix.shape[1] else wide
    return made
