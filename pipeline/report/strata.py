"""Where the model is good and where a classical fill beats it, by groups of test photos."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline.report.charts import DotChart, Interval, dot_chart, ends_of
from pipeline.report.headline import MAIN, comparison_of, cost
from pipeline.report.tables import Record, read_table, records
from pipeline.report.titles import MODEL, Metric, is_baseline, method_title, metric, stratum_title


class Loss(NamedTuple):
    """A group of photos in which a classical fill has the better mean."""

    stratum: str
    group: str
    method: str
    behind: str
    span: str  # of the paired difference
    num_photos: int
    is_clear: bool  # the interval does not hold 0


class GroupRow(NamedTuple):
    """The model in a group of photos, and the best classical fill there, if there is one."""

    group: str
    bounds: str
    num_photos: int
    model: str
    model_span: str
    best: str
    best_mean: str
    difference: str  # model minus that fill, paired
    difference_span: str
    outcome: str


class Stratum(NamedTuple):
    name: str
    title: str
    chart: DotChart | None
    rows: list[GroupRow]


def read_strata(data: Path, name: str = MAIN) -> tuple[list[Stratum], list[Loss]]:
    """Each stratum, and the groups where the model is behind, the worst first."""
    table = read_table(data / "evaluate" / "strata.csv")
    table = table[(table["metric"] == name) & table["value"].notna()]
    measure = metric(name)
    strata = [
        _stratum(str(stratum), rows, measure)
        for stratum, rows in table.groupby("stratum", sort=False)
    ]
    return strata, _losses(table, measure)


def _stratum(name: str, table: pd.DataFrame, measure: Metric) -> Stratum:
    intervals: dict[str, list[Interval | None]] = {}
    rows = []
    for group, each in table.groupby("group", sort=False):
        fills = each[each["method"].map(is_baseline)]
        best = fills.assign(cost=cost(fills["value"], measure)).sort_values("cost").head(1)
        own, others = _only(each[each["method"] == MODEL]), records(best)
        intervals[str(group)] = [
            _interval(own, measure),
            *(_interval(other, measure) for other in others),
        ]
        rows.append(_row(str(group), own, others, measure))
    title = f"{measure.heading}, with 95 % intervals"
    chart = dot_chart(title, [method_title(MODEL), "the best classical fill"], intervals)
    return Stratum(name, stratum_title(name), chart, rows)


def _only(rows: pd.DataFrame) -> Record:
    """The model is measured on every photo."""
    (row,) = records(rows)
    return row


def _interval(row: Record, measure: Metric) -> Interval:
    text = f"{method_title(row['method'])} {measure.text(row['value'])} {measure.unit}"
    low, high = ends_of(row["value"], row["low"], row["high"])
    return Interval(row["value"], low, high, text)


def _row(group: str, own: Record, others: list[Record], measure: Metric) -> GroupRow:
    bounds: str = "" if pd.isna(own["bounds"]) else own["bounds"]
    span = measure.span(own["low"], own["high"])
    shown = (group, bounds, int(own["num_photos"]), measure.text(own["value"]), span)
    if not others:
        return GroupRow(*shown, "", "", "", "", "")
    other = others[0]
    return GroupRow(
        *shown,
        method_title(other["method"]),
        measure.text(other["value"]),
        measure.signed(other["difference"]),
        measure.signed_span(other["difference_low"], other["difference_high"]),
        comparison_of(other).outcome,
    )


def _losses(table: pd.DataFrame, measure: Metric) -> list[Loss]:
    fills = table[table["method"].map(is_baseline)]
    sign = -1 if measure.better == "higher" else 1
    behind = fills.assign(behind=sign * fills["difference"])
    behind = behind[behind["behind"] > 0].sort_values("behind", ascending=False, kind="stable")
    return [
        Loss(
            stratum_title(row["stratum"]),
            str(row["group"]),
            method_title(row["method"]),
            measure.text(row["behind"]),
            measure.span(*sorted([sign * row["difference_low"], sign * row["difference_high"]])),
            int(row["num_photos"]),
            comparison_of(row).outcome == "behind",
        )
        for row in records(behind)
    ]
