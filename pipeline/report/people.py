"""The people filter: how good it is where the truth is known, and what thresholds would keep."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.report.charts import DotChart, Interval, LineChart, dot_chart, line_chart
from pipeline.report.tables import read_json, read_table

# Names in figures.json -> what they mean, as pipeline/people_filter/accuracy.py has it.
HEIGHTS = {
    "small": "up to 32 px of 256",
    "medium": "32 to 96 px of 256",
    "large": "over 96 px of 256",
}


class ThresholdScan(NamedTuple):
    """Photos kept by each pair of thresholds, for the page's slider."""

    scores: list[float]
    areas: list[float]
    kept: list[list[int]]  # by area, then by score
    photos: int
    min_score: float  # as the run has it
    min_box_area: float


class Share(NamedTuple):
    """Of photos, with its 95 % interval; empty texts where there is nothing to take a share of."""

    title: str
    value: str
    span: str
    num_photos: int


class Truth(NamedTuple):
    """How the filter did on the photos of which it is known who is in them."""

    num_photos: int
    num_with_people: int
    shares: list[Share]
    by_height: list[Share]
    average_precision: str


class People(NamedTuple):
    is_enabled: bool
    truth: Truth | None
    curve: LineChart | None
    by_height: DotChart | None
    what_if: ThresholdScan | None
    kept_by_score: LineChart | None


def read_people(data: Path, params: dict[str, Any]) -> People:
    """`params` are those of the run: the sections detect_people and filter_people are looked at."""
    folder, chosen = data / "filter_people", params["filter_people"]
    if not params["detect_people"]["enabled"]:
        return People(False, None, None, None, None, None)
    figures = read_json(folder / "figures.json")
    is_known = bool(figures["photos_with_people"])
    return People(
        True,
        _truth(figures) if is_known else None,
        _curve(read_table(folder / "people_filter.csv")) if is_known else None,
        _recall_chart(figures["by_height"]) if is_known else None,
        _what_if(read_table(folder / "thresholds" / "grid.csv"), chosen),
        _kept_by_score(folder, chosen),
    )


def _truth(figures: dict[str, Any]) -> Truth:
    photos, with_people = figures["photos_with_truth"], figures["photos_with_people"]
    found = {
        "recall": ("photos with people that it drops", with_people),
        "false_alarms": ("photos without people that it drops", photos - with_people),
    }
    shares = [_share(figures, name, title, num) for name, (title, num) in found.items()]
    by_height = [
        _share(row, "recall", HEIGHTS.get(name, name), row["photos"])
        for name, row in figures["by_height"].items()
    ]
    precision = f"{figures['average_precision']:.3f}"
    return Truth(photos, with_people, shares, by_height, precision)


def _share(figures: dict[str, Any], name: str, title: str, num_photos: int) -> Share:
    if name not in figures:
        return Share(title, "", "", num_photos)
    low, high = figures[f"{name}_low"], figures[f"{name}_high"]
    return Share(title, f"{figures[name]:.1%}", f"{low:.1%} to {high:.1%}", num_photos)


def _recall_chart(by_height: dict[str, dict[str, float]]) -> DotChart | None:
    rows = {
        f"{HEIGHTS.get(name, name)}": [
            Interval(row["recall"], row["recall_low"], row["recall_high"], f"{row['recall']:.1%}")
        ]
        for name, row in by_height.items()
        if "recall" in row
    }
    title = "recall by the tallest person's height (higher is better), with 95 % intervals"
    return dot_chart(title, ["recall"], rows, with_zero=True, labels=170)


def _curve(points: pd.DataFrame) -> LineChart | None:
    """Thresholds that no photo reaches have a recall but no precision."""
    known = points.dropna(subset=["recall", "precision"])
    known = known.sort_values("min_score", ascending=False)
    pairs = list(zip(known["recall"].astype(float), known["precision"], strict=True))
    title = "precision over recall, as the threshold moves (higher is better, both)"
    return line_chart(title, "recall", {"precision": pairs}, y_range=(0, 1))


def _kept_by_score(folder: Path, chosen: dict[str, Any]) -> LineChart | None:
    table = read_table(folder / "thresholds" / "kept_by_min_score.csv")
    pairs = list(zip(table["min_score"].astype(float), table["kept_share"], strict=True))
    return line_chart(
        "share of photos kept, by min_score (no direction: more photos, more people in them)",
        "min_score",
        {"kept": pairs},
        mark=float(chosen["min_score"]),
    )


def _what_if(grid: pd.DataFrame, chosen: dict[str, Any]) -> ThresholdScan:
    sums = grid.groupby(["min_box_area", "min_score"])[["photos", "kept"]].sum()
    kept = sums["kept"].unstack()
    return ThresholdScan(
        [float(score) for score in kept.columns],
        [float(area) for area in kept.index],
        [[int(value) for value in row] for row in kept.to_numpy()],
        int(sums["photos"].max()),
        float(chosen["min_score"]),
        float(chosen["min_box_area"]),
    )
