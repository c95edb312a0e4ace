"""KID as the unbiased estimate over pairs of different photos."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.metrics import kernel_distance as module
from pipeline.metrics.kernel_distance import kernel_distance


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def features(num: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(num, 16, generator=torch.Generator().manual_seed(seed)) + shift


def by_hand(first: Tensor, second: Tensor) -> float:
    """Gretton et al. 2012, equation 4, pair by pair."""

    def kernel(one: Tensor, other: Tensor) -> float:
        return float((one @ other / len(one) + 1) ** 3)

    num = len(first)
    pairs = [
        kernel(first[i], first[j])
        + kernel(second[i], second[j])
        - kernel(first[i], second[j])
        - kernel(first[j], second[i])
        for i in range(num)
        for j in range(num)
        if i != j
    ]
    return sum(pairs) / (num * (num - 1))


def test_it_is_the_published_estimate() -> None:
    first, second = features(9, 0), features(9, 1, 0.5)
    assert kernel_distance(first, second)[0] == pytest.approx(by_hand(first, second), rel=1e-4)


def test_for_sets_without_twins_it_agrees_with_torchmetrics() -> None:
    """Which counts the twins too, one pair in N: with none the two differ by chance alone."""
    from torchmetrics.image.kid import poly_mmd

    first, second = features(600, 0), features(600, 1, 0.5)
    value, low, high = kernel_distance(first, second)
    assert value == pytest.approx(float(poly_mmd(first, second)), rel=0.01)
    assert low < value < high


def test_twins_do_not_lower_it() -> None:
    """Two sets of the same photos with one fault each are as far apart as two of other photos."""
    faulty = 0.3
    same = kernel_distance(features(800, 0, faulty), features(800, 0))
    other = kernel_distance(features(800, 1, faulty), features(800, 0))
    assert other[1] < same[0] < other[2]


def test_its_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 200 sets of 60 photos: the value that 4,000 have is in 95 % of the intervals."""
    truth = kernel_distance(features(4000, 1, 0.4), features(4000, 2))[0]
    found = [kernel_distance(features(60, 10 + n, 0.4), features(60, 1000 + n)) for n in range(200)]
    held = np.mean([low <= truth <= high for _, low, high in found])
    assert 0.88 <= held <= 0.99
    assert np.mean([value for value, _, _ in found]) == pytest.approx(truth, rel=0.05)


def test_parts_of_the_matrix_give_what_the_whole_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = features(50, 0), features(50, 1, 0.5)
    whole = kernel_distance(first, second)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    assert kernel_distance(first, second) == pytest.approx(whole, rel=1e-4)


def test_the_same_each_time_and_symmetric() -> None:
    first, second = features(50, 0), features(50, 1, 0.5)
    assert kernel_distance(first, second) == kernel_distance(first, second)
    assert kernel_distance(second, first) == pytest.approx(kernel_distance(first, second), rel=1e-4)
