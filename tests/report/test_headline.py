"""The result in words, honest whoever is ahead."""

import math

import pandas as pd
import pytest

from pipeline.report.headline import Comparison, best_baseline, comparison, sentence


@pytest.mark.parametrize(
    ("figures", "outcome", "text"),
    [
        ((1.3, 0.9, 1.6), "ahead", "The model is ahead of Telea, the best classical fill, by 1.30"),
        ((-0.4, -0.7, -0.1), "behind", "Telea, the best classical fill, is ahead of the model by"),
        ((0.2, -0.1, 0.5), "level", "The model and Telea, the best classical fill, are level"),
        ((0.2, math.nan, math.nan), "level", "The model and Telea"),
    ],
)
def test_who_is_ahead_is_named_first(
    figures: tuple[float, float, float], outcome: str, text: str
) -> None:
    row = dict(zip(("difference", "difference_low", "difference_high"), figures, strict=True))
    table = pd.DataFrame([{"method": "telea", "metric": "hole_psnr", **row}])
    found = comparison(table, "telea")
    assert found.outcome == outcome
    assert sentence(found).startswith(text)


def test_a_loss_is_told_in_positive_numbers() -> None:
    found = sentence(Comparison("telea", "hole_psnr", -0.4, -0.7, -0.1))
    assert found.endswith("by 0.40 dB [0.10, 0.70] of hole PSNR.")


def test_less_is_better_of_errors() -> None:
    better = Comparison("telea", "hole_l1", -0.02, -0.03, -0.01)
    worse = Comparison("telea", "hole_l1", 0.02, 0.01, 0.03)
    assert (better.outcome, worse.outcome) == ("ahead", "behind")
    assert sentence(better).startswith("The model is ahead of Telea")
    assert sentence(better).endswith("by 0.0200 [0.0100, 0.0300] of hole L1.")
    assert sentence(worse).endswith("by 0.0200 [0.0100, 0.0300] of hole L1.")


def test_the_best_baseline_is_a_classical_fill() -> None:
    """Neither another generator nor the floor, however good."""
    means = {"model": 30.0, "plain": 29.0, "other_photo": 28.0, "telea": 20.0, "harmonic": 21.0}
    scores = pd.DataFrame(
        {"method": name, "metric": metric, "mean": mean}
        for name, mean in means.items()
        for metric in ("hole_psnr", "hole_l1")
    )
    assert best_baseline(scores) == "harmonic"
    assert best_baseline(scores, "hole_l1") == "telea"
    assert best_baseline(scores[scores["method"] == "model"]) is None
