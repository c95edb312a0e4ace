"""Recipes with and without their adversary, trained alike by `scenefill compare`."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

from pipeline.commands.compare import _system, compare_recipes
from pipeline.config.profiles import render
from pipeline.params.evaluate import EvaluateParams
from pipeline.photos import photo_tables
from pipeline.stages.evaluate import evaluate
from support.features import write_scene_network
from support.noise_shards import write_shards

SHORT = {"batch_size": 4, "num_samples": 2, "log_every": 2}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's data with shards and the scene network, and its params.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    write_shards(tmp_path / "data/crop", {"train": 8, "val": 2, "test": 3})
    write_scene_network(tmp_path / "data/train_features")
    nobody = pd.DataFrame({"key": [], "group": []}, dtype=str)
    photo_tables.write(nobody, tmp_path / "data/filter_people/near_copies.parquet")
    params = YAML(typ="safe").load(render("sample"))
    params["train"] |= SHORT | {"recipe": "pix2pix"}
    params["recipes"]["pix2pix"] = {"preset": "default", "width": 2}
    params["evaluate"] |= {"baselines": ["telea"], "num_grid": 2}
    params["runtime"] |= {"device": "cpu", "threads": 1, "workers": 1}
    YAML().dump(params, Path("params.yaml"))
    return tmp_path / "data"


def config_of(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return config


@pytest.mark.slow
def test_plain_is_the_same_training_but_for_the_adversary(data: Path) -> None:
    compare_recipes(["pix2pix", "pix2pix:plain"], 24, None, 1)
    runs = [data / f"compare/runs/{name}/data/train" for name in ("pix2pix-0", "pix2pix-plain-0")]
    config, plain = map(config_of, runs)
    assert (config["train"].pop("adversary"), plain["train"].pop("adversary")) == (True, False)
    assert config.pop("sha256") != plain.pop("sha256")
    weights, plain_weights = config.pop("loss_weights"), plain.pop("loss_weights")
    assert plain == config and plain["num_images"] == 24
    changed = {
        (update, term): plain_weights[update][term]
        for update, terms in weights.items()
        for term in terms
        if plain_weights[update][term] != terms[term]
    }
    assert changed == {("generator", "adversarial"): 0.0}
    generators = [(run / "generator.safetensors").read_bytes() for run in runs]
    assert generators[0] != generators[1]
    rows = pd.read_csv(data / "compare/results.csv")
    assert set(rows["system"]) == {"pix2pix", "pix2pix-plain"}
    # What the project's own `evaluate` then measures beside its model, trained alike.
    (data / "train").symlink_to(runs[0], target_is_directory=True)
    params = YAML(typ="safe").load(Path("params.yaml"))["evaluate"]
    Path("data/evaluate").mkdir()
    chosen = EvaluateParams.model_validate(params)
    evaluate(data, data / "crop", data / "evaluate", chosen, torch.device("cpu"), 1)
    metrics = json.loads((data / "evaluate/figures.json").read_text())
    found = rows[(rows["system"] == "pix2pix-plain") & (rows["method"] == "model")]
    psnr = found[found["metric"] == "hole_psnr"]["value"].item()
    assert metrics["plain"]["hole_psnr"] == psnr != metrics["model"]["hole_psnr"]


def test_names_of_what_is_compared() -> None:
    options = {"pix2pix": {"preset": "default", "width": 2, "l1_weight": 3.0}}
    found = {
        name: _system(name, 24, None, options)
        for name in ("pix2pix", "pix2pix:plain", "pix2pix:faithful", "pix2pix:faithful:plain")
    }
    assert [each.train["adversary"] for each in found.values()] == [True, False, True, False]
    assert [each.name for each in found.values()] == [name.replace(":", "-") for name in found]
    assert found["pix2pix:plain"].options == options["pix2pix"]
    assert found["pix2pix:faithful:plain"].options == {"preset": "faithful", "width": 2}
    with pytest.raises(ValueError, match="pix2pix:plain or pix2pix:faithful:plain"):
        _system("pix2pix:plain:faithful", 24, None, options)
    with pytest.raises(ValueError, match="there is no recipe 'pix3pix': did you mean `pix2pix`"):
        _system("pix3pix:plain", 24, None, options)


@pytest.mark.slow
def test_a_recipe_that_needs_its_adversary_says_so(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="vanilla-plain: `train` failed"):
        compare_recipes(["vanilla:plain"], 24, 4, 1)
    assert "no other term than 'adversarial': write true" in capfd.readouterr().err
