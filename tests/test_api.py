"""The Python API, on a real generator."""

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML

from pipeline import cli
from pipeline.api import Generator, Model, load
from pipeline.completion.blends import DEFAULT
from pipeline.config.profiles import render
from support.documents import code
from support.pictures import picture
from support.trained import save_untrained


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(tmp_path_factory.mktemp("train"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    torch.set_num_threads(1)
    return load(folder, device="cpu")


def rectangle(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[height // 3 : height // 2, width // 3 : width // 2] = True
    return mask


@pytest.mark.parametrize("size", [(64, 64), (65, 63), (200, 301)])
@pytest.mark.parametrize("blend", ["none", "feather", "poisson"])
def test_known_pixels_stay_and_holes_do_not_count(
    model: Model, size: tuple[int, int], blend: Any
) -> None:
    image, mask = np.array(picture(1, size)), rectangle(size[1], size[0])
    completed = model.complete(image, mask, blend=blend)
    assert np.array_equal(completed[~mask], image[~mask])
    other = np.where(mask[..., None], np.uint8(77), image)
    assert np.array_equal(model.complete(other, mask, blend=blend), completed)
    levels = np.where(mask, 128, 127).astype(np.uint8)
    assert np.array_equal(model.complete(Image.fromarray(image), levels, blend=blend), completed)


def test_a_recipe_that_draws_noise_follows_the_seed(tmp_path: Path) -> None:
    folder = save_untrained(tmp_path / "wgan", "wgan")
    config = json.loads((folder / "config.json").read_text())
    from models.generator_files import save_generator
    from models.registry import build_generator

    config["options"]["noise_channels"] = 2
    save_generator(folder, build_generator("wgan", config["options"], 64), config)
    model, image = load(folder, device="cpu"), np.array(picture(1, (64, 64)))
    one, again, other = (model.complete(image, rectangle(64, 64), seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_the_state_of_torch_stays(model: Model) -> None:
    before = torch.get_rng_state()
    model.complete(np.array(picture(1, (64, 64))), rectangle(64, 64))
    assert torch.equal(torch.get_rng_state(), before)


def test_outpainting_and_colors(model: Model) -> None:
    image = np.array(picture(1, (90, 70)))
    wide = model.outpaint(image, 0.5, ["left", "right"], colors=3)
    assert wide.shape == (70, 135, 3)
    assert np.array_equal(wide[:, 23:113], image)
    new = np.concatenate([wide[:, :23], wide[:, 113:]], axis=1)
    assert 1 < len(np.unique(new.reshape(-1, 3), axis=0)) <= 3
    completed = model.complete(image, rectangle(70, 90), colors=2)
    assert len(np.unique(completed[rectangle(70, 90)], axis=0)) <= 2


@pytest.mark.parametrize(
    "image, mask, words",
    [
        (np.zeros((4, 5, 3)), np.zeros((4, 5), bool), r"image is \(4, 5, 3\) float64"),
        (np.zeros((4, 5), np.uint8), np.zeros((4, 5), bool), r"image is \(4, 5\) uint8"),
        (np.zeros((0, 5, 3), np.uint8), np.zeros((0, 5), bool), "no pixels"),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), int), "mask is .* int64"),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), bool), "mask has 4x5 .* image 5x4"),
        (np.zeros((4, 5, 3), np.uint8), np.ones((4, 5), bool), "covers the whole image"),
    ],
)
def test_what_does_not_fit_is_refused(model: Model, image: Any, mask: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model.complete(image, mask)


@pytest.mark.parametrize(
    "options, words", [({"blend": "soft"}, "none, feather, poisson"), ({"colors": 1}, "2 to 256")]
)
def test_unknown_options_are_refused(model: Model, options: Any, words: str) -> None:
    image = np.array(picture(1, (64, 64)))
    for call in (lambda: model.complete(image, rectangle(64, 64), **options),):
        with pytest.raises(ValueError, match=words):
            call()
    with pytest.raises(ValueError, match=words):
        model.outpaint(image, **options)


def test_a_model_says_what_it_is(model: Model) -> None:
    assert isinstance(model, Generator) and model.image_size == 64 and model.recipe == "ganscape"


def test_where_there_is_no_generator(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no trained generator.*dvc repro train"):
        load(tmp_path)
    with pytest.raises(ValueError, match="recipe 'vanilla', which makes up whole images"):
        load(save_untrained(tmp_path / "vanilla", "vanilla"), device="cpu")
    with pytest.raises(ValueError, match="device is 'abacus'"):
        load(save_untrained(tmp_path / "ganscape"), device="abacus")


def test_the_example_of_the_docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_untrained(tmp_path / "data/train")
    photo = picture(1, (100, 80)).convert("RGB")
    photo.save(tmp_path / "photo.jpg")
    Image.fromarray(rectangle(80, 100)).save(tmp_path / "mask.png")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(code("python-api"), found)
    image, mask, completed = (found[name] for name in ("image", "mask", "completed"))
    assert (mask == rectangle(80, 100)).all()
    assert (completed[~mask] == image[~mask]).all() and (completed[mask] != image[mask]).any()
    assert found["wide"].shape == (80, 150, 3)
    assert (found["wide"][:, 25:125] == image).all()


def test_what_is_measured_is_what_is_shipped() -> None:
    """Commands, page and Python fit a completion to its border as `evaluate` does by default."""
    measured = YAML(typ="safe").load(render("sample"))["evaluate"]["blend"]
    for call in (Model.complete, Model.outpaint, cli.complete, cli.outpaint):
        assert inspect.signature(call).parameters["blend"].default == measured == DEFAULT
