"""A quotient of sums, and why it is none of means."""

import numpy as np
import pytest

from pipeline.metrics.pooled_ratio import MAX_RATIO, pooled_ratio


@pytest.mark.parametrize(
    ("completed", "original", "ratio"),
    [(3, 4, 0.75), (5, 5, 1), (0, 0, 1), (0, 7, 0), (7, 0, MAX_RATIO), (1e6, 1, MAX_RATIO)],
)
def test_values(completed: float, original: float, ratio: float) -> None:
    assert pooled_ratio(completed, original) == ratio


def test_arrays_at_once_and_nan_stays() -> None:
    found = pooled_ratio(np.array([[1.0, 0], [np.nan, 2]]), np.array([[2.0, 0], [1, np.nan]]))
    assert np.array_equal(found, [[0.5, 1], [np.nan, np.nan]], equal_nan=True)
