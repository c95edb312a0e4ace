"""The classifier two-sample score."""

import pytest
import torch
from torch import Tensor

from pipeline.metrics.two_sample import two_sample


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def features(num: int, seed: int) -> Tensor:
    return torch.randn(num, 20, generator=torch.Generator().manual_seed(seed))


def test_equal_boxes_cannot_be_told() -> None:
    assert two_sample(features(50, 0), features(50, 0)) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("num", [20, 60, 400])
def test_what_cannot_be_told_is_rarely_thought_to_be(num: int) -> None:
    """In 100 tries, with fewer photos than features and with more."""
    found = [two_sample(features(num, seed), features(num, 1000 + seed)) for seed in range(100)]
    assert sum(low > 0.5 for _, low, _ in found) <= 5
    assert sum(high < 0.5 for _, _, high in found) <= 5
    assert sum(value for value, _, _ in found) / 100 == pytest.approx(0.5, abs=0.02)


def test_what_is_far_apart_is_always_told() -> None:
    value, low, high = two_sample(features(100, 0) + 3, features(100, 1))
    assert value > 0.98 and low <= value <= high


def test_the_accuracy_is_that_of_the_best_classifier() -> None:
    """Two normal distributions a standard deviation apart: 0.691 in theory."""
    shift = torch.zeros(20)
    shift[3] = 1.0
    value, _, _ = two_sample(features(4000, 0) + shift, features(4000, 1))
    assert value == pytest.approx(0.6915, abs=0.02)


def test_a_photo_is_never_known_from_its_other_box() -> None:
    """Boxes of a photo that are nearly alike: a classifier that had seen the one would be wrong
    about the other, below chance."""
    base = features(40, 0) * 10
    value, _, _ = two_sample(base + 0.01 * features(40, 1), base + 0.01 * features(40, 2))
    assert 0.4 <= value <= 0.6
