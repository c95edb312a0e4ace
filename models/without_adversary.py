"""A recipe without its adversary: the same networks and updates, whose adversarial terms count 0.

The discriminators still train, so that schedule and random numbers are those of the recipe itself.
"""

from collections.abc import Mapping
from dataclasses import replace

from models.recipe import Recipe, Update

TERM = "adversarial"  # in the losses of every recipe's generator


class NothingLeft(ValueError):
    """A recipe that cannot do without its adversary, or has none."""


def without_adversary(recipe: Recipe) -> Recipe:
    """`recipe` with weight 0 for every term named `adversarial`.

    NothingLeft where no term counts under that name, or where a loss would have no other.
    """
    updates = {name: _plain(name, update) for name, update in recipe.updates.items()}
    if updates == recipe.updates:
        raise NothingLeft(f"no loss of it has a term {TERM!r} that counts")
    return replace(recipe, updates=updates)


def _plain(name: str, update: Update) -> Update:
    if not update.weights.get(TERM):
        return update
    weights: Mapping[str, float] = {**update.weights, TERM: 0.0}
    if not any(weights.values()):
        raise NothingLeft(f"the loss of its update {name!r} has no other term than {TERM!r}")
    return replace(update, weights=weights)
