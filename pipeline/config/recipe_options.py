"""All options of a recipe, as YAML that fits into params.yaml."""

import json
from typing import Any

from models.components.options import Options, RecipeOptions
from models.registry import options_model
from pipeline.params.section import PARAMS_PATH, check, load


def options_text(recipe: str, preset: str | None) -> str:
    """`recipes.<recipe>` with every option in it.

    As params.yaml has it now or, where `preset` is given, as that preset has it. Comments give the
    meaning, and the presets' values where they are others.
    """
    model: Any = options_model(recipe)
    section = f"recipes.{recipe}"
    values = {"preset": preset} if preset else None
    now: RecipeOptions = check(section, model, values) if values else _now(section, model)
    presets = {name: check(section, model, {"preset": name}) for name in model.presets}
    lines = [f"# {PARAMS_PATH}: what is left out is as `preset` has it", "recipes:", f"  {recipe}:"]
    for name, field in model.model_fields.items():
        value = getattr(now, name)
        others = {key: getattr(each, name) for key, each in presets.items()}
        lines.append(f"    # {field.description}")
        if name != "preset":
            lines += [
                f"    # {key}: {_line(other)}" for key, other in others.items() if other != value
            ]
        lines.append(f"    {name}: {_line(value)}")
    return "\n".join(lines)


def _now(section: str, model: Any) -> RecipeOptions:
    options: RecipeOptions = load(section, model)
    return options


def _line(value: Any) -> str:
    """In one line of YAML; of nested options what is not as always."""
    if isinstance(value, Options):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_line(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_line, value)) + "]"
    is_word = isinstance(value, str) and value.isidentifier()
    return value if is_word else json.dumps(value)
