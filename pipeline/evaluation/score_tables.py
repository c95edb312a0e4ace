"""What the evaluation concludes from every photo's scores: figures, strata, telling photos.

All take the table of photos and methods, photos in order and each with the same methods in the same
order; each row has the facts of the photo and its hole, `method`, and the figures of METRICS; where
METRICS has a quotient of sums, the two figures of POOLED.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.metrics.image_metrics import METRICS, POOLED
from pipeline.metrics.intervals import ends_of, resampled_sums, sums_by_group
from pipeline.metrics.pooled_ratio import pooled_ratio

MODEL = "model"
# By what methods are ranked, and photos chosen.
RANKING = "hole_psnr"
DIGITS = 6

INTERVAL = ["value", "low", "high", "difference", "difference_low", "difference_high", "num_photos"]
SCORE_COLUMNS = ["method", "metric", "value", "median", *INTERVAL[1:3], "num_photos"]
SCORE_COLUMNS += [*INTERVAL[3:6], "is_ahead"]
STRATUM_COLUMNS = ["stratum", "group", "bounds", "method", "metric", *INTERVAL]
PICTURE_COLUMNS = ["method", "rank", "place", "key", "difference"]

# stratum -> the column that is cut into thirds, its unit, the names of the thirds
THIRDS = {
    "hole_size": ("hole_area", "px", ("small", "medium", "large")),
    "texture": ("texture", "grey levels", ("smooth", "medium", "busy")),
}
# Photos of each rank on the grid against a method.
NUM_PICTURES = 4
# What `dvc plots` draws.
PLOTTED = ("hole_psnr", "hole_ssim", "seam_error", "detail_ratio")


def scores_of(table: pd.DataFrame, group_of: Mapping[str, str]) -> pd.DataFrame:
    """Value, median and intervals of each method and metric, as SCORE_COLUMNS.

    `value` is the mean over the photos, or of a metric in POOLED the quotient of sums, which has no
    median. `difference` is model minus method, empty for the model itself; of a metric that is
    better nearer to 1 it is the difference of the distances from 1, so that below 0 the model is
    nearer. `num_photos` are those that the metric is defined for. `is_ahead`: the method is ahead
    of every other one by more than the 95 % interval of their paired difference. `group_of` has the
    group of each photo that has near copies: intervals count a group as one photo.
    """
    scores = _intervals(table, group_of)
    medians = table.reindex(columns=list(METRICS)).groupby(table["method"], sort=False).median()
    scores["median"] = medians.to_numpy().ravel().round(DIGITS)
    return scores[SCORE_COLUMNS]


def figures_of(scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """method -> metric -> value, of what `scores_of` found; with the median of RANKING.

    Its mean hides its tails. A metric that a method does not have is left out.
    """
    figures: dict[str, dict[str, Any]] = {}
    for method, rows in scores.groupby("method", sort=True):
        known = rows[rows["value"].notna()]
        values = dict(zip(known["metric"], known["value"].round(4).tolist(), strict=True))
        (median,) = known[known["metric"] == RANKING]["median"].round(4).tolist()
        figures[str(method)] = values | {f"{RANKING}_median": median}
    return figures


def strata_of(table: pd.DataFrame, group_of: Mapping[str, str]) -> pd.DataFrame:
    """The same for each part of the photos, as STRATUM_COLUMNS.

    Thirds by the area of the hole and by the texture of the truth in it, categories, holes that
    touch the image's border and others. Each stratum has every photo in one of its groups;
    `bounds` says what a third holds.
    """
    photos = table[table["method"] == MODEL]
    parts = []
    for stratum, groups in _groups(photos):
        for group, bounds, keys in groups:
            part = _intervals(table[table["key"].isin(keys)], group_of)
            parts.append(part.assign(stratum=stratum, group=group, bounds=bounds))
    return pd.concat(parts, ignore_index=True)[STRATUM_COLUMNS]


Group = tuple[str, str, "pd.Series[str]"]


def _groups(photos: pd.DataFrame) -> Iterator[tuple[str, list[Group]]]:
    """stratum -> its groups' names, bounds and keys; no empty groups."""
    for stratum, (column, unit, names) in THIRDS.items():
        yield stratum, list(_thirds(photos, column, unit, names))
    by_category = photos.groupby("category", sort=True)["key"]
    yield "category", [(str(name), "", keys) for name, keys in by_category]
    touches = photos["touches_border"].astype(bool)
    parts = {"at the border": photos["key"][touches], "inside": photos["key"][~touches]}
    yield "border", [(name, "", keys) for name, keys in parts.items() if len(keys)]


def _thirds(
    photos: pd.DataFrame, column: str, unit: str, names: tuple[str, str, str]
) -> Iterator[Group]:
    """Equal values stay together: where many are, thirds are unequal or missing."""
    ends = np.quantile(photos[column].to_numpy(), (1 / 3, 2 / 3), method="lower")
    thirds = np.searchsorted(ends, photos[column].to_numpy())
    for number, name in enumerate(names):
        part = photos[thirds == number]
        if len(part):
            bounds = f"{part[column].min():.4g} to {part[column].max():.4g} {unit}"
            yield name, bounds, part["key"]


def _intervals(table: pd.DataFrame, group_of: Mapping[str, str]) -> pd.DataFrame:
    """method, metric, INTERVAL and `is_ahead` of the photos in `table`."""
    methods = list(dict.fromkeys(table["method"]))
    model = methods.index(MODEL)

    # A metric is a quotient of sums over the photos: of two figures, or of one and their number.
    names = [POOLED.get(metric, (metric, "")) for metric in METRICS]
    shape = (-1, len(methods), len(METRICS))
    values = table[[name for name, _ in names]].to_numpy(np.float64).reshape(shape)
    is_known = np.isfinite(values)
    tops, bottoms = np.where(is_known, values, 0.0), is_known.astype(np.float64)
    for place, (_, other) in enumerate(names):
        if other:
            bottoms[..., place] = table[other].to_numpy(np.float64).reshape(shape[:2])
    num_photos = is_known.sum(axis=0)

    # The same of every resample of the photos, which are the same for all methods and metrics. Near
    # copies are drawn together: they say what one photo says (bootstrap of clusters).
    keys = table["key"].to_numpy().reshape(shape[:2])[:, 0]
    groups, _ = pd.factorize(np.array([group_of.get(key, key) for key in keys], dtype=object))
    num_drawn = sums_by_group(is_known, groups).astype(bool).sum(axis=0)
    by_group = (sums_by_group(each, groups) for each in (tops, bottoms))
    flat = (resampled_sums(each.reshape(len(each), -1)) for each in by_group)
    found = _quotients(tops.sum(axis=0), bottoms.sum(axis=0))
    resampled = _quotients(*(each.reshape(shape) for each in flat))
    differences, resampled_differences = (
        each[..., [model], :] - each for each in (_distances(found), _distances(resampled))
    )
    differences[model] = resampled_differences[:, model] = np.nan

    rows = pd.DataFrame(
        [(method, metric) for method in methods for metric in METRICS],
        columns=["method", "metric"],
    )
    columns = {"value": (found, resampled), "difference": (differences, resampled_differences)}
    for name, (each, again) in columns.items():
        prefix = "" if name == "value" else f"{name}_"
        ends = ends_of(again.reshape(len(again), -1), num_drawn.ravel())
        rows[name] = each.ravel()
        rows[f"{prefix}low"], rows[f"{prefix}high"] = ends.low, ends.high
    rows["num_photos"] = num_photos.ravel()
    rows["is_ahead"] = _are_ahead(found, resampled, num_drawn).ravel()
    return rows.round(DIGITS)


def _quotients(tops: np.ndarray, bottoms: np.ndarray) -> np.ndarray:
    """(..., metrics) sums -> metrics; nan where there was no photo."""
    means = np.divide(tops, bottoms, out=np.full(tops.shape, np.nan), where=bottoms > 0)
    is_pooled = np.array([metric in POOLED for metric in METRICS])
    return np.where(is_pooled, pooled_ratio(tops, bottoms), means)


def _distances(values: np.ndarray) -> np.ndarray:
    """(..., metrics): of those that are better nearer to 1 the distance from 1."""
    is_near = np.array([better == "nearer to 1" for better in METRICS.values()])
    return np.where(is_near, np.abs(values - 1), values)


def _are_ahead(found: np.ndarray, resampled: np.ndarray, num_drawn: np.ndarray) -> np.ndarray:
    """(methods, metrics): which method is certainly better than all others that have the metric."""
    sign = np.array([-1.0 if better == "higher" else 1.0 for better in METRICS.values()])
    costs, resampled_costs = sign * _distances(found), sign * _distances(resampled)
    are_ahead = np.zeros(found.shape, dtype=bool)
    for place in range(len(METRICS)):
        there = np.flatnonzero(np.isfinite(costs[:, place]))
        if len(there) < 2:
            continue
        best = there[np.argmin(costs[there, place])]
        others = there[there != best]
        leads = resampled_costs[:, [best], place] - resampled_costs[:, others, place]
        ends = ends_of(leads, num_drawn[others, place])
        are_ahead[best, place] = bool((ends.high < 0).all())
    return are_ahead


def pictures_of(table: pd.DataFrame) -> pd.DataFrame:
    """The photos to look at, as PICTURE_COLUMNS: for each method the model is held against.

    `difference` is hole PSNR, model minus method, in dB: `worst` are the photos where the model is
    furthest behind, `best` where it is furthest ahead, `median` those in the middle. `place` counts
    from 0 within each rank, the most extreme (or most median) first.
    """
    by_photo = table.pivot(index="key", columns="method", values=RANKING)
    rows = []
    for method in dict.fromkeys(table["method"]):
        if method == MODEL:
            continue
        difference = (by_photo[MODEL] - by_photo[method]).sort_index().sort_values(kind="stable")
        for rank, keys in _ranks(difference).items():
            for place, key in enumerate(keys):
                rows.append((method, rank, place, key, round(float(difference[key]), 4)))
    return pd.DataFrame(rows, columns=PICTURE_COLUMNS)


def _ranks(difference: "pd.Series[float]") -> dict[str, list[str]]:
    """`difference` in rising order; with few photos fewer each, so that no rank shares one."""
    num = max(1, min(NUM_PICTURES, len(difference) // 3))
    keys = [str(key) for key in difference.index]
    from_median = (difference - difference.median()).abs().sort_values(kind="stable")
    outer = set(keys[:num]) | set(keys[-num:])
    middle = [str(key) for key in from_median.index if key not in outer] or keys
    return {"worst": keys[:num], "median": middle[:num], "best": keys[::-1][:num]}


def plots_of(scores: pd.DataFrame, strata: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and table of what `dvc plots` draws."""
    for metric in PLOTTED:
        rows = scores[scores["metric"] == metric]
        yield metric, rows[["method", "value", "low", "high"]].rename(columns={"value": metric})
    yield "lead_by_group", leads(strata)


def leads(strata: pd.DataFrame) -> pd.DataFrame:
    """group, strongest, lead, lead_low, lead_high: where the model wins and loses.

    For each group of each stratum the other method with the highest hole PSNR, and how many dB
    the model is ahead of it; below 0 it loses.
    """
    rivals = strata[(strata["metric"] == RANKING) & (strata["method"] != MODEL)]
    # Of equals the first in the table's order; then the groups in their own order again.
    best = rivals.sort_values("value", ascending=False, kind="stable")
    best = best.drop_duplicates(["stratum", "group"]).sort_index()
    return pd.DataFrame(
        {
            "group": [f"{row.stratum}: {row.group}" for row in best.itertuples()],
            "strongest": best["method"].tolist(),
            "lead": best["difference"].tolist(),
            "lead_low": best["difference_low"].tolist(),
            "lead_high": best["difference_high"].tolist(),
        }
    )
