"""The distance of two sets of images: what it sees, and that it is a distance."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.metrics.sliced_wasserstein import MIN_SIDE, _pyramid, sliced_wasserstein
from support.pictures import picture


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def photos(num: int, *, first: int = 0, side: int = 64) -> Tensor:
    """Smooth noise with some grain, unlike that of any other number."""
    rng = np.random.default_rng(first)
    smooth = np.stack([np.asarray(picture(first + each, (side, side))) for each in range(num)])
    return torch.from_numpy(np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype("u1"))


def blurred(pictures: Tensor, radius: int) -> Tensor:
    tensor = pictures.permute(0, 3, 1, 2).float()
    soft = functional.avg_pool2d(tensor, 2 * radius + 1, stride=1, padding=radius)
    return soft.permute(0, 2, 3, 1).round().to(torch.uint8)


def noisy(pictures: Tensor, level: float) -> Tensor:
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(1)) * level
    return (pictures + noise).clamp(0, 255).to(torch.uint8)


def redder(pictures: Tensor, levels: int) -> Tensor:
    shift = torch.tensor([levels, 0, -levels])
    return (pictures.short() + shift).clamp(0, 255).to(torch.uint8)


def test_equal_sets_are_not_apart_in_any_order() -> None:
    pictures = photos(10)
    assert sliced_wasserstein(pictures, pictures) == 0
    assert sliced_wasserstein(pictures, pictures.flip(0)) == pytest.approx(0, abs=1e-6)


def test_symmetric_and_the_same_each_time() -> None:
    first, second = photos(10), photos(10, first=100)
    distance = sliced_wasserstein(first, second)
    assert distance > 0
    assert sliced_wasserstein(second, first) == pytest.approx(distance, rel=1e-6)
    assert sliced_wasserstein(first, second) == distance


@pytest.mark.parametrize(
    "planted",
    [
        lambda pictures, size: blurred(pictures, size),
        lambda pictures, size: noisy(pictures, 8.0 * size),
        lambda pictures, size: redder(pictures, 10 * size),
    ],
    ids=["blur", "noise", "hue"],
)
def test_it_grows_with_what_is_planted(planted: object) -> None:
    assert callable(planted)
    real, other = photos(24), photos(24, first=100)
    distances = [sliced_wasserstein(real, planted(other, size)) for size in (1, 2, 4)]
    assert sliced_wasserstein(real, other) < distances[0] < distances[1] < distances[2]


def test_few_pictures_tell_nearly_the_same_as_many() -> None:
    few, many = (
        sliced_wasserstein(photos(num), noisy(photos(num, first=1000), 30.0)) for num in (32, 128)
    )
    assert few == pytest.approx(many, rel=0.15)


def test_one_picture_for_all_is_further_than_others_of_its_kind() -> None:
    real, other = photos(24), photos(24, first=100)
    assert sliced_wasserstein(real, other[:1].expand_as(other)) > 2 * sliced_wasserstein(
        real, other
    )


@pytest.mark.parametrize(
    ("side", "sides"),
    [(7, [7]), (27, [27]), (28, [28, 14]), (64, [64, 32, 16]), (75, [75, 38, 19])],
)
def test_levels(side: int, sides: list[int]) -> None:
    """Boxes of completed images are 28 px; a level is at least MIN_SIDE, if it is not all."""
    pictures = photos(2, side=side)
    assert [level.shape[2] for level in _pyramid(pictures)] == sides
    assert all(each >= MIN_SIDE for each in sides[1:])
    assert sliced_wasserstein(pictures, photos(2, first=9, side=side)) > 0


def test_fine_levels_hold_no_flat_colour() -> None:
    flat = torch.full((1, 64, 64, 3), 77, dtype=torch.uint8)
    *fine, rest = _pyramid(flat)
    assert all(level.abs().max() < 1e-6 for level in fine)
    torch.testing.assert_close(rest, torch.full_like(rest, 77 / 255))
    assert sliced_wasserstein(flat, flat) == 0
