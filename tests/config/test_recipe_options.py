"""What `scenefill options` prints can be pasted into params.yaml."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from models.registry import RECIPES, options_model
from pipeline.config.recipe_options import options_text
from pipeline.params.section import PARAMS_PATH


@pytest.mark.parametrize(
    ("recipe", "preset"),
    [(recipe, preset) for recipe in RECIPES for preset in options_model(recipe).presets],
)
def test_every_option_is_there_as_the_preset_has_it(recipe: str, preset: str) -> None:
    pasted = YAML(typ="safe").load(options_text(recipe, preset))["recipes"][recipe]
    model = options_model(recipe)
    assert pasted.keys() == model.model_fields.keys()
    assert model.model_validate(pasted) == model.model_validate({"preset": preset})


def test_what_params_yaml_names_is_shown_with_what_the_presets_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    PARAMS_PATH.write_text("recipes: {ganscape: {preset: default, width: 8, mse_weight: 10.0}}")
    lines = [line.strip() for line in options_text("ganscape", None).splitlines()]
    place = lines.index("mse_weight: 10.0")
    assert lines[place - 2 : place] == ["# default: 1.0", "# faithful: 1.0"]
    assert "width: 8" in lines
