"""95 % intervals: of means by the bootstrap, of shares by Wilson's formula."""

from typing import NamedTuple

import numpy as np

# Percentiles of the means of so many resamples of the photos, drawn with a fixed seed.
NUM_RESAMPLES = 2000
SEED = 0
LOW, HIGH = 2.5, 97.5  # percent
# Fewer photos lie all on one side of 0 by chance more often than in 5 % of cases: 2 * 0.5**5 = 6 %.
MIN_PHOTOS = 6
# Bounds the memory: at ten thousand photos some 16 MB.
RESAMPLES_AT_ONCE = 100

Z = 1.959964  # standard deviations that hold the middle 95 % of a normal distribution


class Interval(NamedTuple):
    """The ends, one each for every column."""

    low: np.ndarray
    high: np.ndarray


def bootstrap(values: np.ndarray) -> Interval:
    """Percentile bootstrap (Efron 1979) of each column's mean; `values` is (photos, columns).

    Photos are drawn as whole rows: columns that are differences of two methods are paired. nan
    counts for nothing; the ends of a column with fewer than MIN_PHOTOS known photos are nan.
    """
    is_known = np.isfinite(values)
    sums = resampled_sums(np.where(is_known, values, 0.0))
    weights = resampled_sums(is_known.astype(np.float64))
    means = np.divide(sums, weights, out=np.full(sums.shape, np.nan), where=weights > 0)
    return ends_of(means, is_known.sum(axis=0))


def sums_by_group(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(groups, ...): the sums of (photos, ...) over the photos of each group, in their order.

    `groups` holds for each photo the number of its group, counted from 0 as they first appear.
    """
    sums = np.zeros((groups.max(initial=-1) + 1, *values.shape[1:]))
    np.add.at(sums, groups, values)
    return sums


def resampled_sums(values: np.ndarray) -> np.ndarray:
    """(NUM_RESAMPLES, columns): the sums of (photos, columns) over photos drawn with replacement.

    As many photos are always drawn in the same way, so that figures of several tables are paired.
    """
    num = len(values)
    rng = np.random.Generator(np.random.PCG64(SEED))
    sums = []
    for _ in range(0, NUM_RESAMPLES, RESAMPLES_AT_ONCE):
        # (RESAMPLES_AT_ONCE, num): how often each photo is in each resample.
        drawn = rng.integers(num, size=(RESAMPLES_AT_ONCE, num))
        drawn += num * np.arange(RESAMPLES_AT_ONCE)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=RESAMPLES_AT_ONCE * num)
        sums.append(counts.reshape(RESAMPLES_AT_ONCE, num).astype(np.float64) @ values)
    return np.concatenate(sums)


def ends_of(resampled: np.ndarray, num_photos: np.ndarray) -> Interval:
    """Of (NUM_RESAMPLES, columns) figures, of so many photos each; nan below MIN_PHOTOS."""
    ends = np.full((2, resampled.shape[1]), np.nan)
    for column in np.flatnonzero(num_photos >= MIN_PHOTOS):
        found = resampled[np.isfinite(resampled[:, column]), column]
        if len(found):
            ends[:, column] = np.percentile(found, (LOW, HIGH))
    return Interval(*ends)


def mean_with_ends(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of (photos,) and the ends of its interval, nan where they are too few for one.

    nan counts for nothing in all three.
    """
    ends, known = bootstrap(values[:, None]), values[np.isfinite(values)]
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, float(ends.low[0]), float(ends.high[0])


def wilson(hits: int, num: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927): `hits` of `num`; 0..1 where nothing was tried."""
    # Imported here: it takes half a second, and the bootstrap does not need it.
    from scipy.stats import binomtest

    if num == 0:
        return 0.0, 1.0
    ends = binomtest(hits, num).proportion_ci(0.95, method="wilson")
    return float(ends.low), float(ends.high)
