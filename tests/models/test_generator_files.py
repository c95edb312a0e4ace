"""Generators that have rotted, were half copied, or come from strangers."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.generator_files import (
    CONFIG,
    SUMS,
    WEIGHTS,
    load_generator,
    read_config,
    save_generator,
)
from models.registry import RECIPES, build_generator
from pipeline.runtime.checksums import sha256_of
from support.rot import flip
from support.trained import save_untrained

CPU = torch.device("cpu")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return save_untrained(tmp_path / "train")


def sealed(folder: Path, **changes: Any) -> None:
    """The config with other values and right sums, as a stranger can write it."""
    config = read_config(folder)
    del config[SUMS]
    generator = build_generator(config["recipe"], config["options"], config["image_size"])
    generator.load_state_dict(load_file(folder / WEIGHTS))
    save_generator(folder, generator, config | changes)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_one_bit_or_half_a_file_is_an_error_that_names_it(trained: Path, name: str) -> None:
    path, draws = trained / name, random.Random(0)
    whole = path.read_bytes()
    for trial in range(40):
        if trial % 4:
            flip(path, draws)
        else:
            path.write_bytes(whole[: draws.randrange(len(whole))])
        with pytest.raises(ValueError, match=re.escape(str(trained))) as error:
            load_generator(trained, CPU)
        assert "copy the folder again" in str(error.value)
        path.write_bytes(whole)
    load_generator(trained, CPU)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_saved_and_loaded(recipe: str, tmp_path: Path) -> None:
    folder = save_untrained(tmp_path / "train", recipe)
    weights = load_generator(folder, CPU).state_dict()
    assert weights and all(
        torch.equal(value, weights[name]) for name, value in load_file(folder / WEIGHTS).items()
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": 10**9}, "image_size: Input should be less than or equal to 1024"),
        ({"image_size": "64"}, "image_size"),
        ({"recipe": "os.system"}, "there is no recipe"),
        ({"options": {"preset": "default", "width": 10**9}}, "describes no generator|shape"),
        ({"options": {"preset": "default", "width": 16}}, "has the shape"),
        ({"options": {"preset": "mine"}}, "describes no generator"),
        ({"options": []}, "options"),
    ],
)
def test_configs_of_strangers(trained: Path, changes: dict[str, Any], words: str) -> None:
    sealed(trained, **changes)
    with pytest.raises(ValueError, match=words) as error:
        load_generator(trained, CPU)
    assert str(trained) in str(error.value) or "there is no recipe" in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"recipe": "wgan"}', "[" * 100_000])
def test_what_is_no_config(trained: Path, text: str) -> None:
    (trained / CONFIG).write_text(text)
    with pytest.raises(ValueError, match=re.escape(str(trained / CONFIG))) as error:
        load_generator(trained, CPU)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_weights_that_no_training_leaves_are_refused(trained: Path, value: float) -> None:
    config = read_config(trained)
    del config[SUMS]
    generator = load_generator(trained, CPU)
    weight = next(iter(generator.state_dict().values()))
    weight[(0,) * weight.ndim] = value
    save_generator(trained, generator, config)
    with pytest.raises(ValueError, match="no finite numbers up to 1e.08, such as in"):
        load_generator(trained, CPU)


def test_foreign_weights_with_right_sums(trained: Path) -> None:
    """Bytes that are no safetensors, and sums that fit them."""
    config = json.loads((trained / CONFIG).read_text())
    whole = (trained / WEIGHTS).read_bytes()
    headers: list[Callable[[bytes], bytes]] = [
        lambda text: b"",
        lambda text: text[:4],
        lambda text: b"\xff" * 8 + text[8:],
        lambda text: text[:8] + b"[" * 60_000,
        lambda text: text[:-1],
        lambda text: b"PK\3\4" + text,
    ]
    for damaged in headers:
        (trained / WEIGHTS).write_bytes(damaged(whole))
        config[SUMS][WEIGHTS] = sha256_of(trained / WEIGHTS)
        (trained / CONFIG).write_text(json.dumps(config))
        with pytest.raises(ValueError, match="is no file of weights"):
            load_generator(trained, CPU)
