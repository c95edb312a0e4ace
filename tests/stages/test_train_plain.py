"""The stage that trains without the adversary, where it is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.config.profiles import render
from pipeline.stages import train, train_plain
from support.noise_shards import write_shards

SHORT = {"budget": "24 images", "batch_size": 4, "num_samples": 2, "log_every": 2}
OPTIONS: dict[str, dict[str, Any]] = {
    "pix2pix": {"preset": "default", "width": 2},
    "vanilla": {"preset": "default", "width": 4, "channels": 3},
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's data with shards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    write_shards(tmp_path / "data/crop", {"train": 8, "val": 2, "test": 0})
    return tmp_path / "data"


def write_params(recipe: str, *, enabled: bool) -> None:
    params = YAML(typ="safe").load(render("sample"))
    params["train"] |= SHORT | {"recipe": recipe}
    params["train_plain"]["enabled"] = enabled
    params["recipes"][recipe] = OPTIONS[recipe]
    params["runtime"] |= {"device": "cpu", "threads": 1, "workers": 1}
    YAML().dump(params, Path("params.yaml"))


def config_of(data: Path, stage: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((data / stage / "config.json").read_text())
    return config


def test_it_is_the_same_training_but_for_the_adversary(data: Path) -> None:
    write_params("pix2pix", enabled=True)
    train.run(data)
    train_plain.run(data)
    config, plain = config_of(data, "train"), config_of(data, "train_plain")
    weights, plain_weights = config.pop("loss_weights"), plain.pop("loss_weights")
    assert plain == config and plain["num_images"] == 24
    changed = {
        (update, term): plain_weights[update][term]
        for update, terms in weights.items()
        for term in terms
        if plain_weights[update][term] != terms[term]
    }
    assert changed == {("generator", "adversarial"): 0.0}
    outs = [
        sorted(path.name for path in (data / stage).iterdir()) for stage in ("train", "train_plain")
    ]
    assert outs[0] == outs[1]
    generators = [data / stage / "generator.safetensors" for stage in ("train", "train_plain")]
    assert generators[0].read_bytes() != generators[1].read_bytes()


def test_switched_off_it_says_so_and_leaves_no_former_generator(data: Path) -> None:
    write_params("pix2pix", enabled=True)
    train_plain.run(data)
    write_params("pix2pix", enabled=False)
    train_plain.run(data)
    assert [path.name for path in (data / "train_plain").iterdir()] == ["config.json"]
    config = config_of(data, "train_plain")
    assert config["enabled"] is False and "train_plain.enabled is false" in config["reason"]


def test_a_recipe_that_only_samples_is_left_out(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params("vanilla", enabled=True)
    train_plain.run(data)
    assert [path.name for path in (data / "train_plain").iterdir()] == ["config.json"]
    assert "no other term than 'adversarial'" in config_of(data, "train_plain")["reason"]
    assert "recipe 'vanilla' is left out" in capsys.readouterr().err
