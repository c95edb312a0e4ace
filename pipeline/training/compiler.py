"""torch.compile on a recipe's updates, where there is a compiler."""

import dataclasses
import os
import shutil

import torch

from models.recipe import Recipe
from pipeline.runtime.progress import say


def resolved_mode(requested: str) -> str:
    """`none` where torch.compile would find no compiler; says so."""
    names = [os.environ.get("CXX", ""), "g++", "clang++", "c++"]
    if requested == "none" or any(name and shutil.which(name) for name in names):
        return requested
    say(
        f"train: params.yaml train.compile is {requested!r}, but there is no C++ compiler here: "
        "goes on without (install g++ or clang, or name one in the variable CXX)"
    )
    return "none"


def compiled(recipe: Recipe, mode: str) -> Recipe:
    """The recipe with the terms of its updates compiled; `none` gives it back as it is."""
    if mode == "none":
        return recipe
    updates = {
        # An image size and batch size are fixed for a run: general code would only be slower.
        name: dataclasses.replace(
            update, terms=torch.compile(update.terms, mode=mode, dynamic=False)
        )
        for name, update in recipe.updates.items()
        if update.compiles
    }
    return dataclasses.replace(recipe, updates=recipe.updates | updates)
