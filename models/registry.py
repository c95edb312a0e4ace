"""The recipes by name. Only the chosen one is imported, so that no other is part of a training."""

from importlib import import_module
from typing import Any, Protocol, cast

import torch
from torch import nn

from models.components.options import RecipeOptions
from models.recipe import DataSpec, Recipe

RECIPES = {
    "basquiat": "models.recipes.basquiat",
    "dcgan": "models.recipes.dcgan",
    "ganscape": "models.recipes.ganscape",
    "glcic": "models.recipes.glcic",
    "outpaint": "models.recipes.outpaint",
    "pix2pix": "models.recipes.pix2pix",
    "scenefill": "models.recipes.scenefill",
    "vanilla": "models.recipes.vanilla",
    "wgan": "models.recipes.wgan",
}


class RecipeModule(Protocol):
    """What a recipe's file offers."""

    Options: type[RecipeOptions]

    def build(self, options: Any, data_spec: DataSpec, device: torch.device) -> Recipe:
        """Networks, optimizers, updates and schedule."""

    def build_generator(self, options: Any, image_size: int) -> nn.Module:
        """What `Recipe.generator` is, untrained; a ValueError for a size that it cannot have."""


def recipe_module(name: str) -> RecipeModule:
    """The file of recipe `name`; an unknown name is an error that lists the known ones."""
    if name not in RECIPES:
        known = ", ".join(sorted(RECIPES))
        raise ValueError(f"there is no recipe {name!r}; it must be one of: {known}")
    # Imported here, by name: an import at the top would make every recipe a part of each training.
    return cast(RecipeModule, import_module(RECIPES[name]))


def recipe_path(name: str) -> str:
    """The file of recipe `name`, from the project's root."""
    recipe_module(name)
    return RECIPES[name].replace(".", "/") + ".py"


def options_model(name: str) -> type[RecipeOptions]:
    """The model of the section `recipes.<name>`."""
    return recipe_module(name).Options


def build(name: str, options: Any, data_spec: DataSpec, device: torch.device) -> Recipe:
    """Recipe `name` on `device`, ready to train."""
    return recipe_module(name).build(options, data_spec, device)


def build_generator(name: str, options: dict[str, Any], image_size: int) -> nn.Module:
    """The generator of recipe `name` with `options` as stored in config.json, untrained."""
    module = recipe_module(name)
    return module.build_generator(module.Options.model_validate(options), image_size)
