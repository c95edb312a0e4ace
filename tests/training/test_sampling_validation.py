"""Validation of samples: the same latents each time, figures of whole images."""

import pytest
import torch
from torch import Tensor

from models.components.generators import Sampler
from pipeline.metrics.hole_figures import whole_figures
from pipeline.training.sampling_validation import ROWS, SamplingValidation

SIDE = 16


class Grey(Sampler):
    """An image of one grey value each: its only latent."""

    latent_size = 1

    def sample(self, latents: Tensor) -> Tensor:
        return latents.clamp(-1, 1)[:, :, None, None].expand(-1, 3, SIDE, SIDE)


class Always(Grey):
    """The same grey for all."""

    def sample(self, latents: Tensor) -> Tensor:
        return super().sample(torch.zeros_like(latents))


def validation(num: int = 40) -> SamplingValidation:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (num, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)
    return SamplingValidation(images)


def test_the_same_samples_each_time_and_no_trace_on_others_random_numbers() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (validation().generate(Grey()) for _ in range(2))
    assert torch.equal(first, second) and torch.equal(torch.get_rng_state(), before)
    assert first.shape == (40, SIDE, SIDE, 3) and first.dtype == torch.uint8
    assert len(first[:, 0, 0, 0].unique()) > 20


def test_figures_have_the_names_that_are_promised() -> None:
    each = validation()
    assert set(each.figures(each.generate(Grey()))) == set(SamplingValidation.FIGURES)


def test_the_photos_themselves_are_as_the_photos() -> None:
    each = validation()
    assert each.figures(each.images) == {
        "sliced_wasserstein": 0,
        "detail_ratio": 1,
        "diversity": 1,
    }


def test_a_collapsed_sampler_has_no_diversity() -> None:
    each = validation()
    alike, different = (each.figures(each.generate(made)) for made in (Always(), Grey()))
    assert alike["diversity"] == 0 and alike["detail_ratio"] == 0
    assert different["diversity"] > 1


def test_whole_figures_by_hand() -> None:
    """Black and white images beside those of half the contrast."""
    images = torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8)
    images[1] = 200
    assert whole_figures(images // 2, images) == {"detail_ratio": 1.0, "diversity": 0.5}


@pytest.mark.parametrize(("num", "num_samples", "shape"), [(40, 12, (3, 12)), (4, 12, (1, 4))])
def test_grid(num: int, num_samples: int, shape: tuple[int, int]) -> None:
    each = validation(num)
    images = each.generate(Grey())
    grid = each.grid(images, num_samples)
    rows, columns = shape
    assert rows <= ROWS and grid.shape == (rows * SIDE, columns * SIDE, 3)
    for index in range(rows * columns):
        top, left = index // columns * SIDE, index % columns * SIDE
        cell = torch.from_numpy(grid[top : top + SIDE, left : left + SIDE].copy())
        assert torch.equal(cell, images[index])
