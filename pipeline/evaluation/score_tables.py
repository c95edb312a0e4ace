"""What the evaluation concludes from every photo's scores: means, strata, telling pictures.

All take the table of photos and methods, photos in order and each with the same methods in the same
order; each row has the facts of the photo and its hole, `method`, and the metrics.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.metrics.image_metrics import METRICS
from pipeline.metrics.intervals import bootstrap

MODEL = "model"
# By what methods are ranked, and pictures chosen.
RANKING = "hole_psnr"
DIGITS = 6

INTERVAL = ["mean", "low", "high", "difference", "difference_low", "difference_high", "num_photos"]
SCORE_COLUMNS = ["method", "metric", "mean", "median", *INTERVAL[1:3], "num_photos", *INTERVAL[3:6]]
STRATUM_COLUMNS = ["stratum", "group", "bounds", "method", "metric", *INTERVAL]
PICTURE_COLUMNS = ["method", "rank", "place", "key", "difference"]

# stratum -> the column that is cut into thirds, its unit, the names of the thirds
THIRDS = {
    "hole_size": ("hole_area", "px", ("small", "medium", "large")),
    "texture": ("texture", "grey levels", ("smooth", "medium", "busy")),
}
# Pictures of each rank on the grid against a method.
NUM_PICTURES = 4
# What `dvc plots` draws.
PLOTTED = ("hole_psnr", "hole_ssim", "seam_error", "detail_ratio")


def scores_of(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, median and intervals of each method and metric, as SCORE_COLUMNS.

    `difference` is the mean of model minus method over the photos, empty for the model itself;
    `num_photos` are those that the metric is defined for.
    """
    scores = _intervals(table)
    medians = table.groupby("method", sort=False)[list(METRICS)].median()
    scores["median"] = medians.to_numpy().ravel().round(DIGITS)
    return scores[SCORE_COLUMNS]


def strata_of(table: pd.DataFrame) -> pd.DataFrame:
    """The same for each part of the photos, as STRATUM_COLUMNS.

    Thirds by the area of the hole and by the texture of the truth in it, categories, holes that
    touch the picture's border and others. Each stratum has every photo in one of its groups;
    `bounds` says what a third holds.
    """
    photos = table[table["method"] == MODEL]
    parts = []
    for stratum, groups in _groups(photos):
        for group, bounds, keys in groups:
            part = _intervals(table[table["key"].isin(keys)])
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


def _intervals(table: pd.DataFrame) -> pd.DataFrame:
    """method, metric and INTERVAL of the photos in `table`."""
    methods = list(dict.fromkeys(table["method"]))
    values = table[list(METRICS)].to_numpy(np.float64).reshape(-1, len(methods), len(METRICS))
    differences = values[:, [methods.index(MODEL)]] - values
    differences[:, methods.index(MODEL)] = np.nan
    columns = {"mean": values, "difference": differences}
    found = pd.DataFrame(
        [(method, metric) for method in methods for metric in METRICS],
        columns=["method", "metric"],
    )
    for name, each in columns.items():
        flat = each.reshape(len(each), -1)
        prefix = "" if name == "mean" else f"{name}_"
        ends = bootstrap(flat)
        found[name] = _means(flat)
        found[f"{prefix}low"], found[f"{prefix}high"] = ends.low, ends.high
    found["num_photos"] = np.isfinite(values).sum(axis=0).ravel()
    return found.round(DIGITS)


def _means(values: np.ndarray) -> np.ndarray:
    """Of each column without its nan; nan where there is nothing else."""
    is_known = np.isfinite(values)
    counts = is_known.sum(axis=0)
    sums = np.where(is_known, values, 0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


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
        yield metric, rows[["method", "mean", "low", "high"]].rename(columns={"mean": metric})
    yield "lead_by_group", leads(strata)


def leads(strata: pd.DataFrame) -> pd.DataFrame:
    """group, strongest, lead, lead_low, lead_high: where the model wins and loses.

    For each group of each stratum the other method with the highest mean hole PSNR, and how many dB
    the model is ahead of it; below 0 it loses.
    """
    rivals = strata[(strata["metric"] == RANKING) & (strata["method"] != MODEL)]
    # Of equals the first in the table's order; then the groups in their own order again.
    best = rivals.sort_values("mean", ascending=False, kind="stable")
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
