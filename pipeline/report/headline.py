"""The result in one sentence: ahead, level or behind, as the paired interval says."""

import math
from typing import Any, NamedTuple

import pandas as pd

from pipeline.report.titles import MODEL, is_baseline, method_title, metric

MAIN = "hole_psnr"


class Comparison(NamedTuple):
    """The model minus `method`, per photo, and the 95 % interval of that mean."""

    method: str
    metric: str
    difference: float
    low: float
    high: float

    @property
    def outcome(self) -> str:
        """From the model's side: ahead, behind, or level where the interval holds 0."""
        if self.low <= 0 <= self.high:
            return "level"
        is_gain = (self.difference > 0) == (metric(self.metric).better == "higher")
        return "ahead" if is_gain else "behind"


def best_baseline(scores: pd.DataFrame, name: str = MAIN) -> str | None:
    """The classical fill with the best mean; None where there is none."""
    rows = scores[(scores["metric"] == name) & scores["method"].map(is_baseline)]
    if rows.empty:
        return None
    ascending = metric(name).better == "lower"
    return str(rows.sort_values(["mean", "method"], ascending=[ascending, True])["method"].iloc[0])


def comparison(scores: pd.DataFrame, method: str, name: str = MAIN) -> Comparison:
    (row,) = scores[(scores["metric"] == name) & (scores["method"] == method)].to_dict("records")
    return comparison_of(row)


def comparison_of(row: dict[Any, Any]) -> Comparison:
    """Of a row with method, metric and the paired difference."""
    difference, low, high = (float(row[f"difference{end}"]) for end in ("", "_low", "_high"))
    # One photo has no interval: nothing is known about others.
    if math.isnan(low) or math.isnan(high):
        low, high = -math.inf, math.inf
    return Comparison(row["method"], row["metric"], difference, low, high)


def sentence(found: Comparison) -> str:
    """`found` in words, with the interval; who is ahead is named first."""
    measure = metric(found.metric)
    better, other = method_title(MODEL), method_title(found.method)
    difference, low, high = found.difference, found.low, found.high
    if found.outcome == "behind":
        better, other = other, better
    if (found.outcome == "behind") == (measure.better == "higher"):
        difference, low, high = -difference, -high, -low
    span = f"[{measure.text(low)}, {measure.text(high)}]"
    unit = f" {measure.unit}" if measure.unit else ""
    subject = f"{better[0].upper()}{better[1:]}"
    if found.outcome == "level":
        return (
            f"{subject} and {other} are level: {measure.signed(difference)}{unit} {span} of "
            f"{measure.title}, an interval that holds 0."
        )
    return (
        f"{subject} is ahead of {other} by {measure.text(difference)}{unit} {span} of "
        f"{measure.title}."
    )
