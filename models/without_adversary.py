"""`train.adversary: false`: the same networks and updates, whose adversarial terms count 0.

The discriminators still train, so that schedule and random numbers are those of the recipe itself.
"""

from collections.abc import Mapping
from dataclasses import replace

from models.recipe import Recipe, Update

TERM = "adversarial"  # in the losses of every recipe's generator


def without_adversary(recipe: Recipe) -> Recipe:
    """`recipe` with weight 0 for every term named `adversarial`.

    ValueError where no term counts under that name, or where a loss would have no other.
    """
    updates = {name: _plain(name, update) for name, update in recipe.updates.items()}
    if updates == recipe.updates:
        raise ValueError(
            f"params.yaml train.adversary is false, but no loss of the recipe has a term {TERM!r} "
            "that counts: write true"
        )
    return replace(recipe, updates=updates)


def _plain(name: str, update: Update) -> Update:
    if not update.weights.get(TERM):
        return update
    # The term is computed and reported all the same: it shows what the generator is missing.
    weights: Mapping[str, float] = {**update.weights, TERM: 0.0}
    if not any(weights.values()):
        raise ValueError(
            "params.yaml train.adversary is false, but the loss of the recipe's update "
            f"{name!r} has no other term than {TERM!r}: write true"
        )
    return replace(update, weights=weights)
