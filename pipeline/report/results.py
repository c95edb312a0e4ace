"""The table of methods: figures with intervals, and the model's paired differences to each."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.report.charts import DotChart, Interval, dot_chart, ends_of
from pipeline.report.headline import IN_WORDS, MAIN, comparison_of, sentences
from pipeline.report.tables import Record, read_json, read_table, records, table_if_there
from pipeline.report.titles import (
    MEASURES,
    MODEL,
    SAMPLE_FIGURES,
    Metric,
    counted,
    measure_title,
    method_title,
    metric,
)

# Shown at once; the others are folded away.
FIRST = ("hole_psnr", "hole_ssim", "hole_l1", "seam_error", "detail_ratio")
OUTCOMES = ("ahead", "behind", "level", "unknown")


class Cell(NamedTuple):
    metric: str
    value: str
    span: str  # of the 95 % interval; says of how many photos where not all have the metric
    difference: str  # model minus method
    difference_span: str
    outcome: str  # of the model: one of OUTCOMES; empty where nothing is compared
    is_ahead: bool  # of all other methods, beyond the interval


class Row(NamedTuple):
    method: str
    title: str
    num_photos: int
    cells: list[Cell]


class Table(NamedTuple):
    metrics: list[Metric]
    rows: list[Row]


class DistanceRow(NamedTuple):
    method: str
    title: str
    cells: list[tuple[str, str]]  # value and interval, by measure


class Distances(NamedTuple):
    measures: list[tuple[str, str]]  # name and title
    rows: list[DistanceRow]
    features: dict[str, str]  # measure's title -> sha256 of the network that looks
    num_photos: int


class Results(NamedTuple):
    """Empty lists and None where the recipe completes no holes."""

    headline: str
    sentences: list[str]
    first: Table | None
    others: Table | None
    charts: list[DotChart]
    distances: Distances | None
    samples: list[tuple[str, str]]
    basis: dict[str, str]
    num_photos: int


def read_results(data: Path) -> Results:
    """What `evaluate` found, whatever the recipe can do."""
    metrics = read_json(data / "evaluate" / "figures.json")
    samples = metrics.get("samples", {})
    basis = _basis(metrics)
    if MODEL not in metrics:
        num = counted(metrics["num_photos"], "image")
        headline = f"{num} made up, beside as many test photos."
        num_photos = metrics["num_photos"]
        return Results(headline, [], None, None, [], None, _samples(samples), basis, num_photos)
    scores = read_table(data / "evaluate" / "scores.csv")
    names = list(dict.fromkeys(scores["metric"]))
    first = [name for name in FIRST if name in names]
    distances = table_if_there(data / "evaluate" / "distances.csv")
    headline, *others = sentences(scores, distances)
    return Results(
        headline,
        others,
        table_of(scores, first),
        table_of(scores, [name for name in names if name not in first]),
        [chart for name in IN_WORDS if (chart := _differences(scores, name))],
        _distances(distances),
        _samples(samples),
        basis,
        metrics["num_photos"],
    )


def _basis(metrics: dict[str, Any]) -> dict[str, str]:
    """What every figure rests on: the number of photos and the sums of what made it."""
    return {
        name: f"{value:,}" if isinstance(value, int) else str(value)
        for name, value in metrics.items()
        if not isinstance(value, dict)
    }


def table_of(scores: pd.DataFrame, names: list[str]) -> Table | None:
    """Best method first by MAIN; None without a metric."""
    if not names:
        return None
    ranking = scores[scores["metric"] == MAIN].sort_values("value", ascending=False)
    methods = list(dict.fromkeys([*ranking["method"], *scores["method"]]))
    by_place = {(row["method"], row["metric"]): row for row in records(scores)}
    rows = []
    for method in methods:
        num_photos = int(scores[scores["method"] == method]["num_photos"].max())
        cells = [_cell(by_place.get((method, name)), metric(name), num_photos) for name in names]
        rows.append(Row(method, method_title(method), num_photos, cells))
    return Table([metric(name) for name in names], rows)


def _cell(row: Record | None, measure: Metric, num_photos: int) -> Cell:
    """Empty where the method does not have the metric: only a model has a raw output's context."""
    if row is None or pd.isna(row["value"]):
        return Cell(measure.name, "", "", "", "", "", False)
    value, span = measure.text(row["value"]), measure.span(row["low"], row["high"])
    if row["num_photos"] < num_photos:
        span = ", ".join(filter(None, [span, f"of {counted(row['num_photos'], 'photo')}"]))
    if pd.isna(row["difference"]):
        return Cell(measure.name, value, span, "", "", "", row["is_ahead"])
    return Cell(
        measure.name,
        value,
        span,
        measure.signed(row["difference"]),
        measure.signed_span(row["difference_low"], row["difference_high"]),
        comparison_of(row).outcome,
        row["is_ahead"],
    )


def _differences(scores: pd.DataFrame, name: str) -> DotChart | None:
    """The model minus each other method, a row each, coloured by the outcome."""
    measure = metric(name)
    rows = scores[(scores["metric"] == name) & scores["difference"].notna()]
    compared = [
        (row, comparison_of(row).outcome)
        for row in records(rows.sort_values("value", ascending=False))
    ]
    shown = [
        each
        for each in OUTCOMES
        if each != "unknown" or any(each == outcome for _, outcome in compared)
    ]
    intervals = {}
    for row, outcome in compared:
        ends = ends_of(row["difference"], row["difference_low"], row["difference_high"])
        found = Interval(row["difference"], *ends, _difference_text(row, measure))
        intervals[method_title(row["method"])] = [
            found if outcome == each else None for each in shown
        ]
    title = f"the model minus the other, {measure.heading}"
    return dot_chart(title, shown, intervals, with_zero=True, labels=190)


def _difference_text(row: Record, measure: Metric) -> str:
    span = measure.signed_span(row["difference_low"], row["difference_high"])
    return f"{measure.signed(row['difference'])} {measure.unit} {span}"


def _distances(table: pd.DataFrame | None) -> Distances | None:
    """A row a method, the nearest by the first measure first."""
    if table is None:
        return None
    order = {name: place for place, name in enumerate(MEASURES)}
    names = sorted(dict.fromkeys(table["measure"]), key=lambda name: order.get(name, len(order)))
    rows = {(row["method"], row["measure"]): row for row in records(table)}
    methods = table[table["measure"] == names[0]].sort_values("value")["method"]
    return Distances(
        [(name, measure_title(name)) for name in names],
        [
            DistanceRow(
                method,
                method_title(method),
                [_distance(rows.get((method, name))) for name in names],
            )
            for method in dict.fromkeys([*methods, *table["method"]])
        ],
        {
            measure_title(row["measure"]): row["features_sha256"]
            for row in rows.values()
            if pd.notna(row["features_sha256"])
        },
        int(table["num_photos"].max()),
    )


def _distance(row: Record | None) -> tuple[str, str]:
    """The value and its interval, where there are."""
    if row is None:
        return "", ""
    # An estimate of 0 may come out as less: that is no -0.
    value, low, high = (f"{round(row[name], 4) + 0.0:.4f}" for name in ("value", "low", "high"))
    has_interval = not (pd.isna(row["low"]) or pd.isna(row["high"]))
    return value, f"{low} to {high}" if has_interval else ""


def _samples(figures: dict[str, float]) -> list[tuple[str, str]]:
    return [
        (SAMPLE_FIGURES.get(name, name.replace("_", " ")), f"{value:.3f}")
        for name, value in figures.items()
    ]
