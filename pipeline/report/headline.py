"""The result in sentences: ahead, level or behind, as the paired interval says."""

import math
from typing import NamedTuple

import pandas as pd

from pipeline.report.tables import Record, records
from pipeline.report.titles import (
    MODEL,
    Metric,
    is_baseline,
    measure_title,
    method_title,
    metric,
)

MAIN = "hole_psnr"
IN_WORDS = ("hole_psnr", "hole_ssim")
# In which of the others the model may be worse; those of box and image follow the hole's.
OTHERS = ("hole_l1", "seam_error", "detail_ratio")


class Comparison(NamedTuple):
    """The model minus `method`, paired by photo, and the 95 % interval of that."""

    method: str
    metric: str
    difference: float
    low: float
    high: float

    @property
    def outcome(self) -> str:
        """From the model's side: ahead, behind, or level where the interval holds 0.

        Unknown where there is no interval, since the photos are too few.
        """
        if math.isnan(self.low) or math.isnan(self.high):
            return "unknown"
        if self.low <= 0 <= self.high:
            return "level"
        is_gain = (self.difference > 0) == (metric(self.metric).better == "higher")
        return "ahead" if is_gain else "behind"

    @property
    def amount(self) -> str:
        """By how much the better one is ahead, with the interval; less is better of errors."""
        measure = metric(self.metric).of_difference
        unit = f" {measure.unit}" if measure.unit else ""
        ends = (self.low, self.high) if self.difference > 0 else (-self.high, -self.low)
        span = f" [{measure.text(ends[0])}, {measure.text(ends[1])}]"
        return f"{measure.text(abs(self.difference))}{unit}{'' if math.isnan(ends[0]) else span}"


def best_baseline(scores: pd.DataFrame, name: str = MAIN) -> str | None:
    """The classical fill with the best value; None where there is none."""
    rows = scores[(scores["metric"] == name) & scores["method"].map(is_baseline)]
    rows = rows[rows["value"].notna()]
    if rows.empty:
        return None
    order = rows.assign(cost=cost(rows["value"], metric(name)))
    return str(order.sort_values(["cost", "method"])["method"].iloc[0])


def cost(values: "pd.Series[float]", measure: Metric) -> "pd.Series[float]":
    """The least is the best, whichever way the metric counts."""
    match measure.better:
        case "higher":
            return -values
        case "lower":
            return values
        case "nearer to 1":
            return (values - 1).abs()


def comparison(scores: pd.DataFrame, method: str, name: str = MAIN) -> Comparison:
    (row,) = records(scores[(scores["metric"] == name) & (scores["method"] == method)])
    return comparison_of(row)


def comparison_of(row: Record) -> Comparison:
    """Of a row with method, metric and the paired difference."""
    ends = (float(row[f"difference{end}"]) for end in ("", "_low", "_high"))
    return Comparison(row["method"], row["metric"], *ends)


def sentences(scores: pd.DataFrame, distances: pd.DataFrame | None) -> list[str]:
    """What the page begins with: the model against the best classical fill, then its setbacks."""
    best = best_baseline(scores)
    if best is None:
        return ["No classical fill stands beside the model: evaluate.baselines is empty."]
    found = [
        sentence(comparison(scores, each, name))
        for name in IN_WORDS
        if (each := best_baseline(scores, name)) is not None
    ]
    worse = [*_setbacks(scores), *_further(distances)]
    if worse:
        found.append(
            f"Significantly worse than the best classical fill it is also in: {'; '.join(worse)}."
        )
    return found


def behind_classical(scores: pd.DataFrame) -> str | None:
    """The verdict that a classical fill is better on the test photos, if it is one."""
    best = best_baseline(scores)
    if best is None:
        return None
    found = comparison(scores, best)
    if found.outcome != "behind":
        return None
    return (
        f"on the test photos {method_title(best)} is ahead of it by {found.amount} of "
        f"{metric(found.metric).title} (behind_classical)"
    )


def sentence(found: Comparison) -> str:
    """`found`, against the best classical fill, in words; the better one comes first."""
    measure = metric(found.metric)
    model, other = method_title(MODEL), f"{method_title(found.method)}, the best classical fill,"
    match found.outcome:
        case "unknown":
            unit = f" {measure.unit}" if measure.unit else ""
            text = (
                f"the photos are too few to say whether {model} or {other} is ahead: "
                f"{measure.signed(found.difference)}{unit}"
            )
        case "level":
            unit = f" {measure.unit}" if measure.unit else ""
            span = measure.signed_span(found.low, found.high)
            text = f"{model} and {other} are level: {measure.signed(found.difference)}{unit} {span}"
        case "ahead":
            text = f"{model} is ahead of {other} by {found.amount}"
        case _:
            text = f"{other} is ahead of {model} by {found.amount}"
    return f"{text[0].upper()}{text[1:]} of {measure.title}."


def _setbacks(scores: pd.DataFrame) -> list[str]:
    """The other metrics in which the best classical fill is ahead beyond its interval."""
    found = []
    for name in OTHERS:
        best = best_baseline(scores, name)
        if best is None:
            continue
        against = comparison(scores, best, name)
        if against.outcome == "behind":
            title = metric(name).of_difference.title
            found.append(f"{title} ({method_title(best)} is ahead by {against.amount})")
    return found


def _further(distances: pd.DataFrame | None) -> list[str]:
    """The distances whose interval lies above that of the nearest classical fill.

    They are of whole sets of images, and not paired: intervals that part are more than is needed.
    """
    if distances is None:
        return []
    found = []
    for name, rows in distances.dropna(subset=["low", "high"]).groupby("measure", sort=False):
        model, fills = rows[rows["method"] == MODEL], rows[rows["method"].map(is_baseline)]
        if model.empty or fills.empty:
            continue
        (own,), best = records(model), records(fills.sort_values("value"))[0]
        if own["low"] > best["high"]:
            title = measure_title(str(name))
            found.append(
                f"{title} ({own['value']:.4f}, {method_title(best['method'])} {best['value']:.4f})"
            )
    return found
