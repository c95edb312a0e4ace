"""The table of methods: means with intervals, and the model's paired differences to each."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.report.charts import DotChart, Interval, dot_chart, ends_of
from pipeline.report.headline import MAIN, best_baseline, comparison, comparison_of, sentence
from pipeline.report.tables import Record, read_json, read_table, records, table_if_there
from pipeline.report.titles import (
    MEASURES,
    MODEL,
    SAMPLE_FIGURES,
    Metric,
    measure_title,
    method_title,
    metric,
)

# Shown at once; the others are folded away.
FIRST = ("hole_psnr", "hole_ssim", "hole_l1", "seam_error", "detail_ratio")
IN_WORDS = ("hole_psnr", "hole_ssim")
OUTCOMES = ("ahead", "behind", "level")


class Cell(NamedTuple):
    metric: str
    mean: str
    span: str  # of the 95 % interval
    difference: str  # model minus method
    difference_span: str
    outcome: str  # of the model: ahead, level, behind; empty where nothing is compared
    is_best: bool


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


def read_results(data: Path) -> Results:
    """What `evaluate` found, whatever the recipe can do."""
    metrics = read_json(data / "evaluate" / "figures.json")
    samples = metrics.get("samples", {})
    basis = _basis(metrics)
    if MODEL not in metrics:
        headline = f"{basis['num_photos']} pictures made up, beside as many test photos."
        return Results(headline, [], None, None, [], None, _samples(samples), basis)
    scores = read_table(data / "evaluate" / "scores.csv")
    names = list(dict.fromkeys(scores["metric"]))
    first = [name for name in FIRST if name in names]
    headline, *sentences = _sentences(scores)
    return Results(
        headline,
        sentences,
        table_of(scores, first),
        table_of(scores, [name for name in names if name not in first]),
        [chart for name in IN_WORDS if (chart := _differences(scores, name))],
        _distances(table_if_there(data / "evaluate" / "distances.csv")),
        _samples(samples),
        basis,
    )


def _basis(metrics: dict[str, Any]) -> dict[str, str]:
    """What every figure rests on: the number of photos and the sums of what made it."""
    return {
        name: f"{value:,}" if isinstance(value, int) else str(value)
        for name, value in metrics.items()
        if not isinstance(value, dict)
    }


def _sentences(scores: pd.DataFrame) -> list[str]:
    """The model against the classical fill that is best, by each metric."""
    against = [(name, best_baseline(scores, name)) for name in IN_WORDS]
    found = [sentence(comparison(scores, best, name)) for name, best in against if best is not None]
    return found or ["No classical fill stands beside the model: evaluate.baselines is empty."]


def table_of(scores: pd.DataFrame, names: list[str]) -> Table | None:
    """Best method first by MAIN; None without a metric."""
    if not names:
        return None
    ranking = scores[scores["metric"] == MAIN].sort_values("mean", ascending=False)
    methods = list(dict.fromkeys([*ranking["method"], *scores["method"]]))
    by_place = {(row["method"], row["metric"]): row for row in records(scores)}
    best = {name: _best(scores[scores["metric"] == name], metric(name)) for name in names}
    rows = [
        Row(
            method,
            method_title(method),
            int(scores[scores["method"] == method]["num_photos"].max()),
            [_cell(by_place.get((method, name)), metric(name), best[name]) for name in names],
        )
        for method in methods
    ]
    return Table([metric(name) for name in names], rows)


def _best(rows: pd.DataFrame, measure: Metric) -> str:
    means = rows.set_index("method")["mean"].dropna()
    if means.empty:
        return ""
    if measure.better == "near 1":
        return str((means - 1).abs().idxmin())
    return str(means.idxmax() if measure.better == "higher" else means.idxmin())


def _cell(row: Record | None, measure: Metric, best: str) -> Cell:
    """Empty where the method does not have the metric: only a model has a raw output's context."""
    if row is None or pd.isna(row["mean"]):
        return Cell(measure.name, "", "", "", "", "", False)
    mean, span = measure.text(row["mean"]), measure.span(row["low"], row["high"])
    is_best = row["method"] == best
    if pd.isna(row["difference"]):
        return Cell(measure.name, mean, span, "", "", "", is_best)
    return Cell(
        measure.name,
        mean,
        span,
        measure.signed(row["difference"]),
        measure.signed_span(row["difference_low"], row["difference_high"]),
        # Which of two ratios is nearer to 1 cannot be told from their difference.
        "" if measure.better == "near 1" else comparison_of(row).outcome,
        is_best,
    )


def _differences(scores: pd.DataFrame, name: str) -> DotChart | None:
    """The model minus each other method, a row each, coloured by the outcome."""
    measure = metric(name)
    rows = scores[(scores["metric"] == name) & scores["difference"].notna()]
    intervals = {}
    for row in records(rows.sort_values("mean", ascending=False)):
        outcome = comparison_of(row).outcome
        ends = ends_of(row["difference"], row["difference_low"], row["difference_high"])
        found = Interval(row["difference"], *ends, _difference_text(row, measure))
        intervals[method_title(row["method"])] = [
            found if outcome == each else None for each in OUTCOMES
        ]
    unit = f", {measure.unit}" if measure.unit else ""
    title = f"the model minus the other, {measure.title}{unit} ({measure.better} is better)"
    return dot_chart(title, OUTCOMES, intervals, with_zero=True, labels=190)


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
    value = f"{row['value']:.4f}"
    if pd.isna(row["low"]) or pd.isna(row["high"]):
        return value, ""
    return value, f"{row['low']:.4f} to {row['high']:.4f}"


def _samples(figures: dict[str, float]) -> list[tuple[str, str]]:
    return [
        (SAMPLE_FIGURES.get(name, name.replace("_", " ")), f"{value:.3f}")
        for name, value in figures.items()
    ]
