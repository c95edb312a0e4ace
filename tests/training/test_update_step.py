"""An update: one network's step, of equal parts, left out where it would do harm."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.components.schedule import Phase, PhaseSchedule
from models.recipe import Batch, Recipe, Terms, Update
from models.registry import build
from pipeline.training.update_step import GRADIENT_NORM, StepResult, update_step
from support.noise_batch import noise_batch

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adam": {"fused": True},  # leaves a step out by itself
    "AdamW": {"foreach": False},
    "RMSprop": {"momentum": 0.9},
    "Adadelta": {},
    "SGD": {"momentum": 0.9},
}


@pytest.fixture
def batch() -> Batch:
    return noise_batch()


class Network(nn.Module):
    """One weight a channel behind a batch norm, whose buffers count what they saw."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.scale = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        output: Tensor = self.norm(image) * self.scale
        return output


def recipe_of(optimizer: str) -> Recipe:
    network = Network()

    def terms(batch: Batch) -> Terms:
        output = network(batch.image, batch.mask)
        return {"error": (output - batch.image).square().mean(), "seen": batch.image.mean()}

    chosen = getattr(torch.optim, optimizer)
    return Recipe(
        generator=network,
        networks={"generator": network},
        optimizers={"only": chosen(network.parameters(), lr=0.1, **OPTIMIZERS[optimizer])},
        updates={"only": Update("generator", "only", terms, {"error": 2.0})},
        schedule=PhaseSchedule([Phase((("only",),), 1)]),
    )


def state_of(recipe: Recipe) -> list[Tensor]:
    """Weights, buffers and what the optimizer remembers."""
    weights = list(recipe.networks["generator"].state_dict().values())
    state = recipe.optimizers["only"].state_dict()["state"].values()
    kept = [value for each in state for value in each.values() if isinstance(value, Tensor)]
    return [tensor.clone() for tensor in weights + kept]


def with_nan(batch: Batch) -> Batch:
    image = batch.image.clone()
    image[1, 0, 3, 3] = torch.nan
    return Batch(image, batch.mask, batch.box)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_sick_step_leaves_all_as_it_was(optimizer: str, batch: Batch) -> None:
    recipe, other = recipe_of(optimizer), recipe_of(optimizer)
    assert update_step(recipe, "only", [batch]).finite
    before = state_of(recipe)
    result = update_step(recipe, "only", [with_nan(batch)])
    assert not result.finite and result.terms["error"].isnan()
    after = state_of(recipe)
    assert len(after) == len(before) and all(map(torch.equal, before, after))
    update_step(recipe, "only", [batch])
    for _ in range(2):
        update_step(other, "only", [batch])
    assert all(map(torch.equal, state_of(recipe), state_of(other)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_sick_first_step_does_no_harm(optimizer: str, batch: Batch) -> None:
    recipe, other = recipe_of(optimizer), recipe_of(optimizer)
    assert not update_step(recipe, "only", [with_nan(batch)]).finite
    for each in (recipe, other):
        update_step(each, "only", [batch])
    assert all(map(torch.equal, state_of(recipe), state_of(other)))


def test_a_term_without_weight_makes_a_step_sick_too(batch: Batch) -> None:
    """What is reported only would otherwise write NaN into the history."""
    recipe = recipe_of("Adam")
    update = recipe.updates["only"]

    def terms(batch: Batch) -> Terms:
        return update.terms(batch) | {"seen": torch.tensor(torch.inf)}

    recipe.updates["only"] = Update("generator", "only", terms, {"error": 1.0})
    before = state_of(recipe)
    assert not update_step(recipe, "only", [batch]).finite
    assert all(map(torch.equal, before, state_of(recipe)))


@pytest.mark.parametrize("name", ["mse", "discriminator", "joint"])
def test_parts_of_a_batch_give_the_batch(name: str, batch: Batch) -> None:
    """Not with batch norm, which sees one part at a time."""
    from models.recipe import DataSpec
    from models.recipes.ganscape import Options

    options = Options(preset="default", width=4)
    whole = build(
        "ganscape", options, DataSpec(64, 28, 10, 0, (0.0, 0.0, 0.0)), torch.device("cpu")
    )
    parted = copy.deepcopy(whole)
    outcomes: list[StepResult] = []
    gradients = []
    for recipe, num in ((whole, 1), (parted, 2)):
        outcomes.append(update_step(recipe, name, batch.parts(num)))
        network = recipe.networks[recipe.updates[name].network]
        gradients.append([weight.grad for weight in network.parameters()])
    for term, value in outcomes[0].terms.items():
        torch.testing.assert_close(outcomes[1].terms[term], value, rtol=1e-4, atol=1e-6)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_the_norm_is_that_of_the_gradient(batch: Batch) -> None:
    recipe = recipe_of("SGD")
    result = update_step(recipe, "only", [batch])
    grads = [weight.grad for weight in recipe.networks["generator"].parameters()]
    expected = torch.cat([grad.flatten() for grad in grads if grad is not None]).norm()
    torch.testing.assert_close(result.terms[GRADIENT_NORM], expected)
