"""Means, strata and telling images, of scores made up."""

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.score_tables import (
    PICTURE_COLUMNS,
    SCORE_COLUMNS,
    STRATUM_COLUMNS,
    figures_of,
    leads,
    pictures_of,
    plots_of,
    scores_of,
    strata_of,
)
from pipeline.metrics.image_metrics import METRICS, POOLED

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
            metrics |= {"detail": 6.0, "original_detail": 12.0}
            del metrics["detail_ratio"]
            metrics["context_psnr"] = 30.0 if method == "model" else np.nan
            rows.append(facts | {"method": method} | metrics)
    return pd.DataFrame(rows)


def test_every_method_and_metric_has_a_row() -> None:
    scores = scores_of(table(), {})
    assert list(scores.columns) == SCORE_COLUMNS
    assert len(scores) == len(METHODS) * len(METRICS)
    psnr = scores[scores["metric"] == "hole_psnr"].set_index("method")
    assert psnr["value"].tolist() == [14.5, 20, 17.25] and psnr["median"].tolist() == [
        14.5,
        20,
        17.25,
    ]
    assert (psnr["low"] <= psnr["value"]).all() and (psnr["value"] <= psnr["high"]).all()
    assert psnr["difference"].tolist()[:2] == [2.75, -2.75] and np.isnan(
        psnr["difference"]["model"]
    )
    assert (psnr["num_photos"] == NUM).all()
    context = scores[scores["metric"] == "context_psnr"].set_index("method")
    assert context["num_photos"].to_dict() == {"flat": 0, "smooth": 0, "model": NUM}
    assert context["value"].isna().tolist() == [True, True, False]


def of_details(**details: list[float]) -> pd.DataFrame:
    """A photo for each of the originals' details, with those of the methods."""
    originals = details.pop("original")
    facts = table(len(originals)).groupby("key", sort=False).first()
    return pd.concat(
        [
            facts.reset_index().assign(method=method, detail=values, original_detail=originals)
            for method, values in details.items()
        ]
    ).sort_values("key", kind="stable", ignore_index=True)


def test_the_detail_ratio_is_one_of_sums() -> None:
    """Three photos with next to no detail would make a mean of ratios: (3 * 200 + 57 * 0.02) / 60
    is 10, as if the fill were noise, where 3 % of the originals' detail is there."""
    originals = [1.0] * 3 + [1000.0] * 57
    scores = scores_of(of_details(model=[200.0] * 3 + [20.0] * 57, original=originals), {})
    (row,) = scores[scores["metric"] == "detail_ratio"].to_dict("records")
    assert row["value"] == pytest.approx((3 * 200 + 57 * 20) / (3 + 57 * 1000), abs=1e-6)
    assert row["low"] < row["value"] < row["high"] < 0.06
    assert np.isnan(row["median"]) and row["num_photos"] == 60
    assert figures_of(scores)["model"]["detail_ratio"] == 0.0305


def test_a_ratio_s_difference_is_that_of_the_distances_from_1() -> None:
    rng = np.random.default_rng(0)
    originals = rng.gamma(2.0, 100.0, 40)
    noise, smooth = 1.5 * originals, 0.3 * originals
    scores = scores_of(of_details(noisy=noise, model=smooth, original=list(originals)), {})
    ratios = scores[scores["metric"] == "detail_ratio"].set_index("method")
    assert ratios["value"].to_dict() == pytest.approx({"noisy": 1.5, "model": 0.3})
    row = ratios.loc["noisy"]
    # The model is 0.7 from the truth and the other 0.5.
    ends = row[["difference", "difference_low", "difference_high"]].tolist()
    assert ends == pytest.approx([0.2, 0.2, 0.2])
    assert ratios["is_ahead"].to_dict() == {"noisy": True, "model": False}


def test_ahead_is_who_is_ahead_of_all_others_beyond_the_interval() -> None:
    data = table()

    def ahead(**shifts: float) -> list[str]:
        """Methods whose hole PSNR is that of one photo after another, more or less."""
        rng = np.random.default_rng(0)
        base = rng.normal(20, 3, NUM)
        values = data.assign(hole_psnr=0.0)
        for method in METHODS:
            shift = shifts[method]
            own = base + shift + rng.normal(0, 0.3, NUM)
            values.loc[values["method"] == method, "hole_psnr"] = own
        scores = scores_of(values, {})
        rows = scores[(scores["metric"] == "hole_psnr") & scores["is_ahead"]]
        return list(rows["method"])

    assert ahead(flat=-5, smooth=0, model=1) == ["model"], "paired: photos differ by far more"
    assert ahead(flat=2, smooth=0, model=0) == ["flat"]
    assert ahead(flat=-5, smooth=0, model=0.02) == [], "ahead of all but the runner-up"
    alike = scores_of(data, {}).query("metric in ('hole_ssim', 'seam_error', 'context_psnr')")
    assert not alike["is_ahead"].any(), "equal, or alone in having it"
    five = data[data["key"] < "photo-05"].assign(hole_psnr=lambda rows: rows["method"] == "flat")
    assert not scores_of(five, {})["is_ahead"].any(), "too few photos for an interval"


def test_figures_are_those_of_the_scores() -> None:
    scores = scores_of(table(), {})
    figures = figures_of(scores)
    assert set(figures) == set(METHODS)
    for method, own in figures.items():
        rows = scores[scores["method"] == method].set_index("metric")["value"].dropna()
        assert own == pytest.approx(rows.to_dict() | {"hole_psnr_median": own["hole_psnr"]})
    assert "context_psnr" in figures["model"] and "context_psnr" not in figures["flat"]
    assert set(POOLED) <= set(figures["model"])


def test_the_difference_is_paired() -> None:
    """Against what falls as the model rises it is the less certain, for the same spread."""
    scores = scores_of(table(), {}).query("metric == 'hole_psnr'").set_index("method")
    width = scores["difference_high"] - scores["difference_low"]
    # model - flat = 10 - i / 2, model - smooth = i / 2 - 10: the same spread, mirrored
    assert width["flat"] == pytest.approx(width["smooth"], rel=1e-6)
    assert width["flat"] < scores["high"]["flat"] - scores["low"]["flat"]


@pytest.mark.parametrize("num", [1, 2, 7, NUM])
def test_each_stratum_has_every_photo_once(num: int) -> None:
    strata = strata_of(table(num), {})
    assert list(strata.columns) == STRATUM_COLUMNS
    one = strata[(strata["method"] == "model") & (strata["metric"] == "hole_psnr")]
    assert one.groupby("stratum")["num_photos"].sum().to_dict() == dict.fromkeys(
        ("border", "category", "hole_size", "texture"), num
    )
    assert not one.duplicated(["stratum", "group"]).any()
    means = one["value"] * one["num_photos"]
    for _, sums in means.groupby(one["stratum"]):
        assert sums.sum() / num == pytest.approx(10 + (num - 1) / 4)


def test_thirds_are_cut_by_their_column() -> None:
    strata = strata_of(table(), {}).query("method == 'model' and metric == 'hole_psnr'")
    sizes = strata[strata["stratum"] == "hole_size"].set_index("group")
    assert sizes["num_photos"].to_dict() == {"small": 10, "medium": 10, "large": 10}
    assert sizes["bounds"]["small"] == "100 to 109 px"
    assert sizes["value"]["small"] == 10 + 4.5 / 2
    textures = strata[strata["stratum"] == "texture"].set_index("group")
    assert textures["value"]["busy"] == 10 + 4.5 / 2
    assert textures["bounds"]["busy"] == "21 to 30 grey levels"


def test_holes_of_one_size_are_one_group() -> None:
    strata = strata_of(table().assign(hole_area=484), {}).query("stratum == 'hole_size'")
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
    found = leads(strata_of(table(), {})).set_index("group")
    assert found["strongest"]["hole_size: small"] == "smooth"
    assert found["strongest"]["hole_size: large"] == "flat"
    assert found["lead"]["hole_size: large"] == 10 - 24.5 / 2
    assert (found["lead_low"] <= found["lead"]).all()
    assert list(found.index)[:3] == ["hole_size: small", "hole_size: medium", "hole_size: large"]


def test_near_copies_count_as_one_photo() -> None:
    """Each photo four times says no more than each once."""
    once = table()
    often = pd.concat(
        [once.assign(key=once["key"] + suffix) for suffix in ("", "-b", "-c", "-d")],
        ignore_index=True,
    )
    group_of = {key: key[:8] for key in often["key"]}
    ours, theirs = scores_of(often, group_of), scores_of(once, {})
    ends = ["value", "low", "high", "difference_low", "difference_high", "is_ahead"]
    pd.testing.assert_frame_equal(ours[ends], theirs[ends])
    assert ours["num_photos"].max() == 4 * NUM, "photos are still counted as they are"
    alone = scores_of(often, {})
    is_psnr = (ours["metric"] == "hole_psnr") & (ours["method"] != "smooth")
    widths = [(each["high"] - each["low"])[is_psnr] for each in (ours, alone)]
    assert (widths[0] > 1.7 * widths[1]).all(), "taken for photos of their own, copies look certain"
    few = {key: f"group {number % 5}" for number, key in enumerate(sorted(set(once["key"])))}
    assert scores_of(once, few)["low"].isna().all(), "five groups are too few for an interval"


def test_without_completions_plots_are_empty_tables_with_their_columns() -> None:
    scores, strata = (pd.DataFrame(columns=each) for each in (SCORE_COLUMNS, STRATUM_COLUMNS))
    empty = dict(plots_of(scores, strata))
    full = dict(plots_of(scores_of(table(), {}), strata_of(table(), {})))
    assert {name: list(each.columns) for name, each in empty.items()} == {
        name: list(each.columns) for name, each in full.items()
    }
    assert all(len(each) == 0 for each in empty.values())
