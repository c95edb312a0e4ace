"""The result in words, honest whoever is ahead."""

import math

import pandas as pd
import pytest

from pipeline.report.headline import (
    Comparison,
    behind_classical,
    best_baseline,
    comparison,
    sentence,
    sentences,
)


@pytest.mark.parametrize(
    ("figures", "outcome", "text"),
    [
        ((1.3, 0.9, 1.6), "ahead", "The model is ahead of Telea, the best classical fill, by 1.30"),
        ((-0.4, -0.7, -0.1), "behind", "Telea, the best classical fill, is ahead of the model by"),
        ((0.2, -0.1, 0.5), "level", "The model and Telea, the best classical fill, are level"),
        ((0.2, math.nan, math.nan), "unknown", "The photos are too few to say whether the model"),
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


def test_a_narrow_lead_is_no_lead_of_nothing() -> None:
    found = sentence(Comparison("telea", "hole_psnr", 0.004, 0.001, 0.008))
    assert found.endswith("by 0.004 dB [0.001, 0.01] of hole PSNR.")
    level = sentence(Comparison("telea", "hole_psnr", -0.0, 0.0, 0.0))
    assert level.endswith("are level: 0.00 dB [0.00, 0.00] of hole PSNR.")


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
        {"method": name, "metric": metric, "value": mean}
        for name, mean in means.items()
        for metric in ("hole_psnr", "hole_l1")
    )
    assert best_baseline(scores) == "harmonic"
    assert best_baseline(scores, "hole_l1") == "telea"
    assert best_baseline(scores[scores["method"] == "model"]) is None


def of_fills(**rows: dict[str, tuple[float, ...]]) -> pd.DataFrame:
    """metric -> method -> value, and of the others model minus it with its interval."""
    columns = ("value", "difference", "difference_low", "difference_high")
    return pd.DataFrame(
        {"metric": name, "method": method, **dict(zip(columns, figures, strict=False))}
        for name, methods in rows.items()
        for method, figures in methods.items()
    )


AHEAD = {"model": (21.0,), "telea": (20.0, 1.0, 0.5, 1.5), "harmonic": (19.0, 2.0, 1.5, 2.5)}


def test_what_it_is_worse_in_is_said() -> None:
    """Ahead in PSNR, and behind the best fill in the seam and in detail; level in L1."""
    scores = of_fills(
        hole_psnr=AHEAD,
        hole_l1={"model": (0.1,), "telea": (0.09, 0.01, -0.01, 0.02)},
        seam_error={
            "model": (0.06,),
            "telea": (0.05, 0.01, 0.005, 0.015),
            "harmonic": (0.04, 0.02, 0.01, 0.03),
        },
        detail_ratio={
            "model": (0.04,),
            "patch_copy": (1.2, 0.76, 0.7, 0.8),
            "telea": (0.05, 0.01, 0.005, 0.015),
        },
    )
    distances = pd.DataFrame(
        [
            ("kid_scene", "model", 0.3, 0.25, 0.35),
            ("kid_scene", "telea", 0.2, 0.15, 0.24),
            ("two_sample", "model", 0.9, 0.8, 1.0),
            ("two_sample", "telea", 0.8, 0.7, 0.9),
            ("sliced_wasserstein", "model", 0.9, math.nan, math.nan),
            ("sliced_wasserstein", "telea", 0.1, math.nan, math.nan),
        ],
        columns=["measure", "method", "value", "low", "high"],
    )
    first, last = sentences(scores, distances)
    assert first.startswith("The model is ahead of Telea, the best classical fill, by 1.00 dB")
    assert last == (
        "Significantly worse than the best classical fill it is also in: seam error (harmonic is "
        "ahead by 0.0200 [0.0100, 0.0300]); distance of the detail ratio from 1 (patch copy is "
        "ahead by 0.76 [0.70, 0.80]); KID, scene features (0.3000, Telea 0.2000)."
    )
    assert sentences(of_fills(hole_psnr=AHEAD), None) == [first]


def test_the_best_ratio_is_the_nearest_to_1() -> None:
    values = {"telea": 0.05, "patch_copy": 1.3, "nearest": 3.0, "model": 1.0}
    scores = of_fills(detail_ratio={name: (value,) for name, value in values.items()})
    assert best_baseline(scores, "detail_ratio") == "patch_copy"


def test_behind_the_best_fill_is_a_verdict() -> None:
    """14.8 dB where harmonic has 18.5 is not well."""
    behind = {"model": (14.8,), "harmonic": (18.5, -3.7, -4.1, -3.2), "telea": (18, -3.2, -4, -3)}
    assert behind_classical(of_fills(hole_psnr=behind)) == (
        "on the test photos harmonic is ahead of it by 3.70 dB [3.20, 4.10] of hole PSNR "
        "(behind_classical)"
    )
    assert behind_classical(of_fills(hole_psnr=AHEAD)) is None
    level = {"model": (18.4,), "harmonic": (18.5, -0.1, -0.4, 0.2)}
    assert behind_classical(of_fills(hole_psnr=level)) is None
    assert behind_classical(of_fills(hole_psnr={"model": (18.4,)})) is None
