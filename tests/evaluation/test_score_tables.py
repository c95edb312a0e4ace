"""Means, strata and telling pictures, of scores made up."""

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.score_tables import (
    PICTURE_COLUMNS,
    SCORE_COLUMNS,
    STRATUM_COLUMNS,
    leads,
    pictures_of,
    plots_of,
    scores_of,
    strata_of,
)
from pipeline.metrics.image_metrics import METRICS

NUM = 30
METHODS = ("flat", "smooth", "model")


def table(num: int = NUM) -> pd.DataFrame:
    """Photo i: area 100 + i, texture num - i; hole PSNR flat i, smooth 20, model 10 + i / 2."""
    rows = []
    for number in range(num):
        facts = {
            "key": f"photo-{number:02d}",
            "category": "abc"[number % 3],
            "hole_area": 100 + number,
            "touches_border": number % 5 == 0,
            "texture": float(num - number),
        }
        for method, value in zip(METHODS, (number, 20, 10 + number / 2), strict=True):
            metrics = dict.fromkeys(METRICS, 0.5) | {"hole_psnr": float(value)}
            metrics["context_psnr"] = 30.0 if method == "model" else np.nan
            rows.append(facts | {"method": method} | metrics)
    return pd.DataFrame(rows)


def test_every_method_and_metric_has_a_row() -> None:
    scores = scores_of(table())
    assert list(scores.columns) == SCORE_COLUMNS
    assert len(scores) == len(METHODS) * len(METRICS)
    psnr = scores[scores["metric"] == "hole_psnr"].set_index("method")
    assert psnr["mean"].tolist() == [14.5, 20, 17.25] and psnr["median"].tolist() == [
        14.5,
        20,
        17.25,
    ]
    assert (psnr["low"] <= psnr["mean"]).all() and (psnr["mean"] <= psnr["high"]).all()
    assert psnr["difference"].tolist()[:2] == [2.75, -2.75] and np.isnan(
        psnr["difference"]["model"]
    )
    assert (psnr["num_photos"] == NUM).all()
    context = scores[scores["metric"] == "context_psnr"].set_index("method")
    assert context["num_photos"].to_dict() == {"flat": 0, "smooth": 0, "model": NUM}
    assert context["mean"].isna().tolist() == [True, True, False]


def test_the_difference_is_paired() -> None:
    """Against what falls as the model rises it is the less certain, for the same spread."""
    scores = scores_of(table()).query("metric == 'hole_psnr'").set_index("method")
    width = scores["difference_high"] - scores["difference_low"]
    # model - flat = 10 - i / 2, model - smooth = i / 2 - 10: the same spread, mirrored
    assert width["flat"] == pytest.approx(width["smooth"], rel=1e-6)
    assert width["flat"] < scores["high"]["flat"] - scores["low"]["flat"]


@pytest.mark.parametrize("num", [1, 2, 7, NUM])
def test_each_stratum_has_every_photo_once(num: int) -> None:
    strata = strata_of(table(num))
    assert list(strata.columns) == STRATUM_COLUMNS
    one = strata[(strata["method"] == "model") & (strata["metric"] == "hole_psnr")]
    assert one.groupby("stratum")["num_photos"].sum().to_dict() == dict.fromkeys(
        ("border", "category", "hole_size", "texture"), num
    )
    assert not one.duplicated(["stratum", "group"]).any()
    means = one["mean"] * one["num_photos"]
    for _, sums in means.groupby(one["stratum"]):
        assert sums.sum() / num == pytest.approx(10 + (num - 1) / 4)


def test_thirds_are_cut_by_their_column() -> None:
    strata = strata_of(table()).query("method == 'model' and metric == 'hole_psnr'")
    sizes = strata[strata["stratum"] == "hole_size"].set_index("group")
    assert sizes["num_photos"].to_dict() == {"small": 10, "medium": 10, "large": 10}
    assert sizes["bounds"]["small"] == "100 to 109 px"
    assert sizes["mean"]["small"] == 10 + 4.5 / 2
    textures = strata[strata["stratum"] == "texture"].set_index("group")
    assert textures["mean"]["busy"] == 10 + 4.5 / 2
    assert textures["bounds"]["busy"] == "21 to 30 grey levels"


def test_holes_of_one_size_are_one_group() -> None:
    strata = strata_of(table().assign(hole_area=484)).query("stratum == 'hole_size'")
    assert set(strata["group"]) == {"small"} and set(strata["num_photos"]) <= {0, NUM}


def test_pictures_are_the_ends_and_the_middle() -> None:
    chosen = pictures_of(table())
    assert list(chosen.columns) == PICTURE_COLUMNS
    assert set(chosen["method"]) == {"flat", "smooth"}
    keys = chosen.groupby(["method", "rank"], sort=False)["key"].apply(list).to_dict()
    # model - flat = 10 - i / 2
    assert keys["flat", "worst"] == [f"photo-{number}" for number in (29, 28, 27, 26)]
    assert keys["flat", "best"] == [f"photo-0{number}" for number in range(4)]
    assert sorted(keys["flat", "median"]) == [f"photo-{number}" for number in (13, 14, 15, 16)]
    assert keys["smooth", "worst"] == keys["flat", "best"]
    worst = chosen.query("method == 'flat' and rank == 'worst'")
    assert worst["difference"].tolist() == [-4.5, -4.0, -3.5, -3.0]
    assert worst["place"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("num", "each"), [(1, 1), (2, 1), (3, 1), (6, 2), (11, 3)])
def test_few_photos_are_shown_once(num: int, each: int) -> None:
    chosen = pictures_of(table(num)).query("method == 'flat'")
    assert chosen["rank"].value_counts().to_dict() == {"worst": each, "median": each, "best": each}
    assert not chosen["key"].duplicated().any() or num < 3


def test_leads_name_the_strongest_of_each_group() -> None:
    found = leads(strata_of(table())).set_index("group")
    assert found["strongest"]["hole_size: small"] == "smooth"
    assert found["strongest"]["hole_size: large"] == "flat"
    assert found["lead"]["hole_size: large"] == 10 - 24.5 / 2
    assert (found["lead_low"] <= found["lead"]).all()
    assert list(found.index)[:3] == ["hole_size: small", "hole_size: medium", "hole_size: large"]


def test_without_completions_plots_are_empty_tables_with_their_columns() -> None:
    scores, strata = (pd.DataFrame(columns=each) for each in (SCORE_COLUMNS, STRATUM_COLUMNS))
    empty = dict(plots_of(scores, strata))
    full = dict(plots_of(scores_of(table()), strata_of(table())))
    assert {name: list(each.columns) for name, each in empty.items()} == {
        name: list(each.columns) for name, each in full.items()
    }
    assert all(len(each) == 0 for each in empty.values())
