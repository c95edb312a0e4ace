"""One optimizer step of one network, left out on the device where it would do harm."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.recipe import Batch, Recipe, Terms, Update

# Puts the mean over all processes into the tensors that it is given.
Average = Callable[[Sequence[Tensor]], None]

GRADIENT_NORM = "gradient_norm"


@dataclass(frozen=True)
class StepResult:
    """What an update left, still on the device."""

    terms: Terms  # detached, with the norm of the gradient as one more
    finite: Tensor  # bool; False: a term or the gradient was not finite, no step


def update_step(
    recipe: Recipe,
    name: str,
    parts: Sequence[Batch],
    amp_dtype: torch.dtype | None = None,
    average: Average = lambda tensors: None,
) -> StepResult:
    """One step of update `name` on equal `parts` of a batch, whose gradients are averaged.

    `amp_dtype` is the precision of matrix products and convolutions, None that of the weights.

    The other networks are frozen whole: no gradient reaches their parameters, and their buffers
    stay as they are. The host does not wait for the device.
    """
    update = recipe.updates[name]
    network, optimizer = recipe.networks[update.network], recipe.optimizers[update.optimizer]
    freeze_all_but(recipe.networks, update.network, others_train=update.others_train)
    others = [each for each in recipe.networks.values() if each is not network]
    frozen = _copies(others) if update.others_train else []  # in inference mode none changes
    buffers = _copies([network])
    optimizer.zero_grad(set_to_none=True)
    # Scaled before and not after: the parts' gradients add up in place.
    each = [_backward(update, part, 1 / len(parts), amp_dtype) for part in parts]
    terms = {term: torch.stack([one[term] for one in each]).mean() for term in each[0]}
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    everything = torch.stack(list(terms.values())).sum().view(1)
    average([*gradients, everything])
    norm = nn.utils.get_total_norm(gradients)
    finite = (norm + everything.squeeze()).isfinite()
    _step_where(finite, optimizer)
    update.after_step()
    for buffer, before in buffers:
        buffer.copy_(torch.where(finite, buffer, before))
    for buffer, before in frozen:
        buffer.copy_(before)
    return StepResult(terms | {GRADIENT_NORM: norm}, finite)


def freeze_all_but(
    networks: Mapping[str, nn.Module], trained: str, *, others_train: bool = False
) -> None:
    """Only `trained` requires grad; in training mode are it and, where asked to, the others."""
    for name, network in networks.items():
        network.requires_grad_(name == trained)
        network.train(name == trained or others_train)


def _copies(networks: Iterable[nn.Module]) -> list[tuple[Tensor, Tensor]]:
    """Each buffer and what it holds now."""
    buffers = (buffer for network in networks for buffer in network.buffers())
    return [(buffer, buffer.clone()) for buffer in buffers]


def _backward(update: Update, part: Batch, share: float, amp_dtype: torch.dtype | None) -> Terms:
    """Adds `share` of the part's gradient; returns its terms, detached."""
    with torch.autocast(part.image.device.type, dtype=amp_dtype, enabled=amp_dtype is not None):
        terms = update.terms(part)
    (share * _loss(update, terms)).backward()  # type: ignore[no-untyped-call]
    # Copied: what a recorded CUDA graph returns is overwritten by its next run.
    return {term: value.detach().clone() for term, value in terms.items()}


def _loss(update: Update, terms: Terms) -> Tensor:
    return torch.stack([weight * terms[term] for term, weight in update.weights.items()]).sum()


def _step_where(finite: Tensor, optimizer: Optimizer) -> None:
    """The optimizer's step where `finite`; else weights and state stay as they are."""
    if all(group.get("fused") for group in optimizer.param_groups):
        # The way of torch's own gradient scaler: a fused step looks at it on the device.
        optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
        optimizer.step()
        return
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    before = [(weight.data, weight.data.clone()) for weight in weights]
    states = {weight: _copy(optimizer.state[weight]) for weight in weights}
    optimizer.step()
    for weight, state in states.items():
        for key, value in optimizer.state[weight].items():
            if isinstance(value, Tensor):  # a state that the step began is zeros before it
                before.append((value, state.get(key, torch.zeros_like(value))))
    for value, former in before:
        value.copy_(torch.where(finite.to(value.device), value, former))


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in state.items() if isinstance(value, Tensor)}
