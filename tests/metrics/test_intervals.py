"""95 % intervals."""

import numpy as np
import pytest
from scipy import stats

from pipeline.metrics.intervals import MIN_PHOTOS, bootstrap, mean_with_ends, wilson


def values(num: int = 80, columns: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.gamma(2.0, size=(num, columns)) * [1, 5, 20][:columns]


def test_the_ends_are_scipy_s() -> None:
    """By another stream of random numbers, so to a few hundredths of the interval's width."""
    data = values()
    ours = bootstrap(data)
    for column in range(3):
        theirs = stats.bootstrap(
            (data[:, column],), np.mean, method="percentile", n_resamples=20_000, rng=1
        ).confidence_interval
        width = theirs.high - theirs.low
        assert ours.low[column] == pytest.approx(theirs.low, abs=0.06 * width)
        assert ours.high[column] == pytest.approx(theirs.high, abs=0.06 * width)


def test_it_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    ends = bootstrap(rng.normal(size=(60, 400)))
    held = ((ends.low < 0) & (ends.high > 0)).mean()
    assert 0.90 < held < 0.98


def test_a_second_time_gives_the_same() -> None:
    one, other = bootstrap(values()), bootstrap(values())
    assert np.array_equal(one.low, other.low) and np.array_equal(one.high, other.high)


def test_pairs_stay_together() -> None:
    """A method that is always better by the same amount has a certain lead."""
    first = values(columns=1)
    ends = bootstrap(np.hstack([first, first + 0.2, (first + 0.2) - first]))
    assert ends.low[2] == pytest.approx(0.2) and ends.high[2] == pytest.approx(0.2)
    assert ends.low[1] - ends.low[0] == pytest.approx(0.2)
    assert ends.high[0] > ends.low[1], "though the two intervals overlap"


def test_unknown_values_count_for_nothing() -> None:
    data = np.hstack([values(columns=2), np.full((80, 1), np.nan)])
    data[10, 1] = np.nan
    found, alone = bootstrap(data), bootstrap(values(columns=2))
    assert found.low[0] == pytest.approx(alone.low[0])
    assert np.isfinite(found.low[1]) and found.low[1] < np.nanmean(data[:, 1]) < found.high[1]
    assert np.isnan(found.low[2]) and np.isnan(found.high[2])


@pytest.mark.parametrize("num", range(1, MIN_PHOTOS))
def test_few_photos_have_no_interval(num: int) -> None:
    """By chance alone they lie all on one side of 0 in more than one case of twenty."""
    assert 2 * 0.5**num > 0.05 > 2 * 0.5**MIN_PHOTOS
    ends = bootstrap(values(num))
    assert np.isnan(ends.low).all() and np.isnan(ends.high).all()
    mean, low, high = mean_with_ends(np.full(num, 3.0))
    assert mean == 3 and np.isnan([low, high]).all()


def test_few_known_photos_are_few_photos() -> None:
    data = values(columns=2)
    data[MIN_PHOTOS - 1 :, 1] = np.nan
    assert np.isfinite(bootstrap(data).low).tolist() == [True, False]
    data[MIN_PHOTOS - 1, 1] = 1
    assert np.isfinite(bootstrap(data).low).all()


@pytest.mark.parametrize(("hits", "num"), [(0, 10), (3, 10), (10, 10), (400, 1000)])
def test_wilson_is_scipy_s(hits: int, num: int) -> None:
    theirs = stats.binomtest(hits, num).proportion_ci(0.95, method="wilson")
    assert wilson(hits, num) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_nothing_tried_is_nothing_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_mean_is_of_what_its_interval_is_of() -> None:
    values = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0])
    mean, low, high = mean_with_ends(values)
    assert mean == 25 / 6 and low < mean < high
    assert (low, high) == mean_with_ends(values)[1:]
    assert np.isnan(mean_with_ends(np.full(3, np.nan))).all()
