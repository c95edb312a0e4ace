"""One optimizer step of one network; skipped on the device where loss or gradient is not finite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from models.recipe import Batch, Recipe, Terms

# Puts the mean over all processes into the tensors that it is given.
Average = Callable[[Sequence[Tensor]], None]

GRADIENT_NORM = "gradient_norm"


@dataclass(frozen=True)
class StepResult:
    """What an update gave, still on the device."""

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
    # Freeze
    update = recipe.updates[name]
    network, optimizer = recipe.networks[update.network], recipe.optimizers[update.optimizer]
    freeze_all_but(recipe.networks, update.network, others_train=update.others_train)
    # Batch norms move their running figures in the forward pass: the trained network's are put
    # back where the step is skipped, those of frozen networks always. In inference mode none moves.
    own_buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    frozen_buffers = [
        (buffer, buffer.clone())
        for other in recipe.networks.values()
        if other is not network and update.others_train
        for buffer in other.buffers()
    ]

    # Losses and gradients, part by part
    optimizer.zero_grad(set_to_none=True)
    terms_of_parts: list[Terms] = []
    for part in parts:
        device = part.image.device.type
        with torch.autocast(device, dtype=amp_dtype, enabled=amp_dtype is not None):
            terms = update.terms(part)
        # loss = sum of weight * term
        weighted = [weight * terms[term] for term, weight in update.weights.items()]
        loss = torch.stack(weighted).sum()
        # Scaled before and not after: the parts' gradients add up in place.
        (1 / len(parts) * loss).backward()  # type: ignore[no-untyped-call]
        # Copied: what a recorded CUDA graph returns is overwritten by its next run.
        terms_of_parts.append({term: value.detach().clone() for term, value in terms.items()})
    terms = {
        term: torch.stack([each[term] for each in terms_of_parts]).mean()
        for term in terms_of_parts[0]
    }

    # Average over the processes
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    checksum = torch.stack(list(terms.values())).sum().view(1)  # not finite if one term is not
    average([*gradients, checksum])

    # Step, where all is finite: decided on the device, so that the host need not wait
    norm = nn.utils.get_total_norm(gradients)
    finite = (norm + checksum.squeeze()).isfinite()
    _step_where(finite, optimizer)
    update.after_step()
    for buffer, before in own_buffers:
        buffer.copy_(torch.where(finite, buffer, before))
    for buffer, before in frozen_buffers:
        buffer.copy_(before)
    return StepResult(terms | {GRADIENT_NORM: norm}, finite)


def freeze_all_but(
    networks: Mapping[str, nn.Module], trained: str, *, others_train: bool = False
) -> None:
    """Only `trained` requires grad; in training mode are it and, where asked to, the others."""
    for name, network in networks.items():
        network.requires_grad_(name == trained)
        network.train(name == trained or others_train)


def _step_where(finite: Tensor, optimizer: Optimizer) -> None:
    """The optimizer's step where `finite`; else weights and state stay as they are."""
    if all(group.get("fused") for group in optimizer.param_groups):
        # The way of torch's own gradient scaler: a fused step looks at it on the device.
        optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
        optimizer.step()
        return
    # The others step in any case, and are put back afterwards.
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    before = [(weight.data, weight.data.clone()) for weight in weights]
    states = {
        weight: {
            key: value.clone()
            for key, value in optimizer.state[weight].items()
            if isinstance(value, Tensor)
        }
        for weight in weights
    }
    optimizer.step()
    for weight, state in states.items():
        for key, value in optimizer.state[weight].items():
            if isinstance(value, Tensor):  # a state that the step began is zeros before it
                before.append((value, state.get(key, torch.zeros_like(value))))
    for value, former in before:
        value.copy_(torch.where(finite.to(value.device), value, former))
