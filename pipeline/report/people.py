"""The people filter: how good it is where the truth is known, and what thresholds would keep."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.report.charts import LineChart, line_chart
from pipeline.report.outs import Record, read_json, read_table, records, table_if_there


class WhatIf(NamedTuple):
    """Photos kept by each pair of thresholds, for the page's slider."""

    scores: list[float]
    areas: list[float]
    kept: list[list[int]]  # by area, then by score
    photos: int
    min_score: float  # as the run has it
    min_box_area: float


class People(NamedTuple):
    is_enabled: bool
    figures: dict[str, Any]  # empty where the truth is not known
    curve: LineChart | None
    points: list[Record]
    what_if: WhatIf | None
    kept_by_score: LineChart | None


def read_people(data: Path, params: dict[str, Any]) -> People:
    """`params` are those of the run: the sections detect_people and filter_people are looked at."""
    folder, chosen = data / "filter_people", params["filter_people"]
    enabled = bool(params["detect_people"]["enabled"])
    truth = folder / "people_filter.json"
    points = table_if_there(folder / "people_filter.csv")
    return People(
        enabled,
        read_json(truth) if truth.is_file() else {},
        None if points is None else _curve(points),
        [] if points is None else records(points),
        _what_if(read_table(folder / "thresholds" / "grid.csv"), chosen) if enabled else None,
        _kept_by_score(folder, chosen) if enabled else None,
    )


def _curve(points: pd.DataFrame) -> LineChart | None:
    ordered = points.sort_values(["recall", "precision"])
    pairs = list(zip(ordered["recall"].astype(float), ordered["precision"], strict=True))
    return line_chart(
        "precision over recall of photos with people",
        "recall",
        {"precision": pairs},
        y_range=(0, 1),
    )


def _kept_by_score(folder: Path, chosen: dict[str, Any]) -> LineChart | None:
    table = read_table(folder / "thresholds" / "kept_by_min_score.csv")
    pairs = list(zip(table["min_score"].astype(float), table["kept_share"], strict=True))
    return line_chart(
        "share of photos kept, by min_score",
        "min_score",
        {"kept": pairs},
        mark=float(chosen["min_score"]),
    )


def _what_if(grid: pd.DataFrame, chosen: dict[str, Any]) -> WhatIf:
    sums = grid.groupby(["min_box_area", "min_score"])[["photos", "kept"]].sum()
    kept = sums["kept"].unstack()
    return WhatIf(
        [float(score) for score in kept.columns],
        [float(area) for area in kept.index],
        [[int(value) for value in row] for row in kept.to_numpy()],
        int(sums["photos"].max()),
        float(chosen["min_score"]),
        float(chosen["min_box_area"]),
    )
