"""Scores of completions: what the completed images depend on."""

import subprocess
import sys
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import pytest
import torch
from torch import nn

from models import registry
from models.recipe import seeded
from pipeline.evaluation.completions import Completions, score_completions
from pipeline.metrics.image_metrics import METRICS, POOLED
from pipeline.params.evaluate import Baseline, EvaluateParams
from pipeline.shards.reader import Sample
from pipeline.shards.rectangle import Rectangle
from support.features import NO_WEIGHTS

CPU = torch.device("cpu")
# Of one photo.
FIGURES = [name for metric in METRICS for name in POOLED.get(metric, (metric,))]
BOXES = [Rectangle(0, 0, 28, 28), Rectangle(36, 36, 28, 28), Rectangle(17, 7, 28, 28)]
HOLES = [Rectangle(0, 0, 20, 24), Rectangle(40, 42, 24, 22), Rectangle(20, 10, 22, 21)]


def params_of(**changes: Any) -> EvaluateParams:
    values: dict[str, Any] = {"baselines": [], "blend": "none", "num_grid": 3, "colors": 0}
    return EvaluateParams.model_validate(values | NO_WEIGHTS | changes)


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
        made.append(
            Sample(f"photo{number}", image, mask, BOXES[number], [hole], "sea", "sea/1.jpg")
        )
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
    scores = scored(samples, generator, params_of(blend=blend, colors=colors))
    return [scores.pictures(sample.key)["model"] for sample in samples]


def scored(
    samples: list[Sample], generator: nn.Module, params: EvaluateParams, workers: int = 1
) -> Completions:
    return score_completions(samples, {"model": generator}, CPU, params, workers)


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


ALL = params_of(baselines=list(get_args(Baseline)))


def test_any_number_of_workers_finds_the_same(samples: list[Sample], generator: nn.Module) -> None:
    many = [replace(samples[number % 3], key=f"photo{number:02d}") for number in range(20)]
    one, other = (scored(many, generator, ALL, workers) for workers in (1, 3))
    assert one.table.equals(other.table)
    assert list(one.boxes) == list(other.boxes)
    assert all(np.array_equal(one.boxes[name], other.boxes[name]) for name in one.boxes)
    assert one.shown() == other.shown()


def test_several_generators_stand_in_one_table(samples: list[Sample], generator: nn.Module) -> None:
    """Each as if it were alone."""
    found = score_completions(samples, {"plain": generator, "model": generator}, CPU, ALL, 1)
    methods = [*get_args(Baseline), "plain", "model"]
    assert found.table["method"].tolist() == methods * 3
    rows = [found.table[found.table["method"] == name] for name in ("plain", "model")]
    assert np.array_equal(rows[0][FIGURES], rows[1][FIGURES])
    alone = scored(samples, generator, ALL).table
    assert np.array_equal(alone[alone["method"] == "model"][FIGURES], rows[1][FIGURES])


def test_boxes_are_cut_out_of_the_completed_pictures(
    samples: list[Sample], generator: nn.Module
) -> None:
    alike = [replace(sample, box=Rectangle(3, 5, 28, 28)) for sample in samples]
    found = scored(alike, generator, ALL)
    assert set(found.boxes) == {*get_args(Baseline), "model", "original"}
    for number, sample in enumerate(alike):
        pictures = found.pictures(sample.key)
        for name, boxes in found.boxes.items():
            assert np.array_equal(boxes[number], pictures[name][3:31, 5:33])


def test_facts_of_the_hole_stand_in_the_table(samples: list[Sample], generator: nn.Module) -> None:
    rows = scored(samples, generator, params_of(num_grid=1)).table
    facts = rows[["hole_height", "hole_width", "hole_area", "touches_border"]]
    assert facts.values.tolist() == [
        [20, 24, 480, True],
        [24, 22, 528, True],
        [22, 21, 462, False],
    ]
    # Uniform noise: the mean of three channels has a standard deviation of 42.6 grey levels.
    assert rows["texture"].between(35, 45).all()


def test_the_other_photo_is_never_the_photo_itself(
    samples: list[Sample], generator: nn.Module
) -> None:
    """And each is another's other."""
    found = scored(samples, generator, ALL)
    others = [found.tasks[sample.key].other for sample in samples]
    assert all(other is not None for other in others)
    sources = [
        next(number for number, source in enumerate(samples) if source.image is other)
        for other in others
    ]
    assert sorted(sources) == [0, 1, 2] and all(a != b for a, b in enumerate(sources))


def test_one_photo_alone_has_no_other(
    samples: list[Sample], generator: nn.Module, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scored(samples[:1], generator, ALL)
    assert "other_photo" not in set(found.table["method"])
    assert "`other_photo` is left out" in capsys.readouterr().err


def test_a_hole_that_leaves_no_context_is_scored(
    samples: list[Sample], generator: nn.Module
) -> None:
    whole = [replace(sample, mask=np.ones((64, 64), bool)) for sample in samples]
    table = scored(whole, generator, ALL).table
    assert len(table) == 3 * (len(get_args(Baseline)) + 1)
    assert np.isfinite(table["hole_psnr"]).all()
    assert table[["seam_error", "context_psnr"]].isna().all(axis=None)


def test_the_raw_output_s_context_is_the_generator_s_alone(
    samples: list[Sample],
) -> None:
    """And not that of the completed image, which has none."""

    class Black(nn.Module):
        def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return torch.full_like(image, -1.0)

    table = scored(samples, Black(), ALL).table
    assert table["context_psnr"].notna().tolist() == (table["method"] == "model").tolist()
    for found, sample in zip(table["context_psnr"].dropna(), samples, strict=True):
        square = np.mean(sample.image[~sample.mask].astype(float) ** 2)
        assert found == pytest.approx(10 * np.log10(255**2 / square))


def test_scoring_loads_no_torch() -> None:
    """Each worker would take some 300 MB more."""
    code = "import sys, pipeline.evaluation.image_scores; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
