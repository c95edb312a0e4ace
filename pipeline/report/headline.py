"""The result in one sentence: ahead, level or behind, as the paired interval says."""

import math
from typing import NamedTuple

import pandas as pd

from pipeline.report.tables import Record, records
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
    (row,) = records(scores[(scores["metric"] == name) & (scores["method"] == method)])
    return comparison_of(row)


def comparison_of(row: Record) -> Comparison:
    """Of a row with method, metric and the paired difference."""
    difference, low, high = (float(row[f"difference{end}"]) for end in ("", "_low", "_high"))
    # One photo has no interval: nothing is known about others.
    if math.isnan(low) or math.isnan(high):
        low, high = -math.inf, math.inf
    return Comparison(row["method"], row["metric"], difference, low, high)


def sentence(found: Comparison) -> str:
    """`found`, against the best classical fill, in words; the better one comes first."""
    measure = metric(found.metric)
    model, other = method_title(MODEL), f"{method_title(found.method)}, the best classical fill,"
    gain = (found.difference, found.low, found.high)
    losing = (-found.difference, -found.high, -found.low)
    unit = f" {measure.unit}" if measure.unit else ""
    if found.outcome == "level":
        amount, low, high = gain
        span = measure.signed_span(low, high)
        text = f"{model} and {other} are level: {measure.signed(amount)}{unit} {span}"
    else:
        better, worse = (model, other) if found.outcome == "ahead" else (other, model)
        # Less is better of some metrics: what is ahead is so by a positive amount.
        amount, low, high = gain if found.difference > 0 else losing
        span = f"[{measure.text(low)}, {measure.text(high)}]"
        text = f"{better} is ahead of {worse} by {measure.text(amount)}{unit} {span}"
    return f"{text[0].upper()}{text[1:]} of {measure.title}."
