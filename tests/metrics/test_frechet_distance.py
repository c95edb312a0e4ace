"""FID of features that are there already."""

import pytest
import torch
from scipy.linalg import sqrtm

from pipeline.metrics.frechet_distance import frechet_distance


def test_it_is_the_distance_of_two_normal_distributions() -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(300, 6, generator=generator)
    second = torch.randn(300, 6, generator=generator) * 1.5 + 0.3
    moments = [
        (each.double().mean(0).numpy(), each.double().T.cov().numpy()) for each in (first, second)
    ]
    (mean, covariance), (other_mean, other_covariance) = moments
    root = sqrtm(covariance @ other_covariance).real
    expected = ((mean - other_mean) ** 2).sum()
    expected += (covariance + other_covariance - 2 * root).trace()
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)
