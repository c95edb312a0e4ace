"""Scores of completions: what the completed pictures depend on."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

from models import registry
from models.recipe import seeded
from pipeline.completion_scores import MODEL, score_completions
from pipeline.params.evaluate import EvaluateParams
from pipeline.rectangle import Rectangle
from pipeline.shard_reader import Sample

CPU = torch.device("cpu")
HOLES = [Rectangle(0, 0, 20, 24), Rectangle(40, 42, 24, 22), Rectangle(20, 10, 22, 21)]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def samples() -> list[Sample]:
    """Noise with a hole each."""
    rng = np.random.default_rng(0)
    made = []
    for number, hole in enumerate(HOLES):
        image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        mask = np.zeros((64, 64), dtype=bool)
        mask[hole.rows, hole.columns] = True
        made.append(Sample(f"photo{number}", image, mask, hole, [hole], "sea", "sea/1.jpg"))
    return made


@pytest.fixture
def generator() -> nn.Module:
    """Draws noise."""
    options = {"preset": "default", "width": 2, "noise_channels": 2}
    with seeded(0, "test"):
        return registry.build_generator("wgan", options, 64).eval().requires_grad_(False)


def pictures(
    samples: list[Sample],
    generator: nn.Module,
    blend: Literal["none", "poisson"] = "none",
    colors: int = 0,
) -> list[np.ndarray]:
    params = EvaluateParams(baselines=[], blend=blend, colors=colors, num_grid=3)
    _, shown = score_completions(samples, generator, CPU, params)
    return [shown[sample.key][MODEL] for sample in samples]


@pytest.mark.parametrize("blend", ["none", "poisson"])
def test_hole_pixels_of_the_photos_have_no_influence(
    samples: list[Sample], generator: nn.Module, blend: Literal["none", "poisson"]
) -> None:
    """And two evaluations draw the same noise."""
    rng = np.random.default_rng(1)
    perturbed = []
    for sample in samples:
        noise = rng.integers(0, 256, sample.image.shape, dtype=np.uint8)
        image = np.where(sample.mask[..., None], noise, sample.image)
        perturbed.append(replace(sample, image=image))
    one, other = (pictures(each, generator, blend) for each in (samples, perturbed))
    for sample, first, second in zip(samples, one, other, strict=True):
        assert (first == second).all()
        assert (first[~sample.mask] == sample.image[~sample.mask]).all()


def test_blending_is_a_choice(samples: list[Sample], generator: nn.Module) -> None:
    plain, blended = (pictures(samples, generator, blend) for blend in ("none", "poisson"))
    assert all((one != other).any() for one, other in zip(plain, blended, strict=True))


def test_evaluating_leaves_the_global_stream_alone(
    samples: list[Sample], generator: nn.Module
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    pictures(samples, generator, "none")
    assert torch.equal(torch.rand(3), expected)


def test_colors_are_those_of_the_output_and_the_context_keeps_its_own(
    samples: list[Sample], generator: nn.Module
) -> None:
    few = pictures(samples, generator, colors=10)
    for picture, sample in zip(few, samples, strict=True):
        assert np.array_equal(picture[~sample.mask], sample.image[~sample.mask])
        assert len(np.unique(picture[sample.mask], axis=0)) <= 10
    all_of_them = pictures(samples, generator)[0][samples[0].mask]
    assert len(np.unique(all_of_them, axis=0)) > 100


def test_noise_is_another_for_each_photo(samples: list[Sample], generator: nn.Module) -> None:
    """Of the same photo thrice."""
    same = [replace(samples[0], key=f"photo{number}") for number in range(3)]
    one, other, _ = pictures(same, generator)
    assert not np.array_equal(one, other)
