"""Recipes without their adversary."""

from typing import Any

import pytest
import torch

from models import registry
from models.recipe import Batch, DataSpec, Recipe
from models.without_adversary import without_adversary
from pipeline.training.update_step import update_step

SIZE, BOX = 32, 20
SETTING = DataSpec(SIZE, BOX, 4, 0, (0.0, 0.0, 0.0))
COMPLETERS = ["basquiat", "ganscape", "glcic", "outpaint", "pix2pix", "wgan"]


def recipe_of(name: str, **changes: Any) -> Recipe:
    torch.set_num_threads(1)
    values = {"preset": "default", "width": 4} | changes
    options = registry.options_model(name).model_validate(values)
    return registry.build(name, options, SETTING, torch.device("cpu"))


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    mask = torch.zeros(2, 1, SIZE, SIZE)
    mask[:, :, 8:20, 8:20] = 1
    image = torch.rand(2, 3, SIZE, SIZE, generator=generator) * 2 - 1
    return Batch(image, mask, torch.tensor([[4, 4, BOX, BOX]] * 2))


@pytest.mark.parametrize("name", COMPLETERS)
def test_only_the_adversarial_weights_are_gone(name: str) -> None:
    recipe = recipe_of(name)
    plain = without_adversary(recipe)
    assert plain.updates.keys() == recipe.updates.keys()
    changed = 0
    for update, other in zip(recipe.updates.values(), plain.updates.values(), strict=True):
        assert update.terms == other.terms and update.network == other.network
        differ = {term for term in update.weights if update.weights[term] != other.weights[term]}
        assert differ <= {"adversarial"} and other.weights.get("adversarial", 0.0) == 0.0
        changed += len(differ)
    assert changed > 0
    assert plain.networks is recipe.networks and plain.schedule is recipe.schedule


@pytest.mark.parametrize("name", ["pix2pix", "wgan"])
def test_the_generator_no_longer_hears_the_discriminator(name: str) -> None:
    """Another discriminator, the same step; with the adversary it would be another one."""

    def weights_after(plain: bool, spoilt: bool) -> list[torch.Tensor]:
        recipe = recipe_of(name)
        recipe = without_adversary(recipe) if plain else recipe
        update, trained = next(
            (key, each) for key, each in recipe.updates.items() if "adversarial" in each.weights
        )
        for network in recipe.networks.values():
            if spoilt and network is not recipe.networks[trained.network]:
                for number, weight in enumerate(network.parameters()):
                    torch.manual_seed(number)
                    weight.data = torch.randn_like(weight)
        torch.manual_seed(0)  # dropout and noise
        update_step(recipe, update, [batch()])
        return [each.detach() for each in recipe.networks[trained.network].parameters()]

    def equal(plain: bool) -> bool:
        pairs = zip(weights_after(plain, False), weights_after(plain, True), strict=True)
        return all(torch.equal(one, other) for one, other in pairs)

    assert equal(plain=True)
    assert not equal(plain=False)


@pytest.mark.parametrize("name", ["vanilla", "dcgan"])
def test_one_that_has_nothing_else_to_learn_from_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="has no other term than 'adversarial'"):
        without_adversary(recipe_of(name))


def test_one_whose_adversary_counts_for_nothing_is_told() -> None:
    recipe = recipe_of("pix2pix", adversarial_weight=0.0)
    with pytest.raises(ValueError, match="no loss of the recipe has a term 'adversarial'"):
        without_adversary(recipe)
