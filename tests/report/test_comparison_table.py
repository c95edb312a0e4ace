"""The table of a comparison, on made-up results."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from pipeline.report.comparison_table import SAMPLING, table_of, to_markdown, write_plot


@pytest.fixture
def rows() -> pd.DataFrame:
    """Two systems with two seeds each; the fills are the same in every run."""
    values = {("good", 0): 22.0, ("good", 1): 24.0, ("bad", 0): 12.0, ("bad", 1): 12.0}
    rows = []
    for (system, seed), psnr in values.items():
        for method, own in (("model", psnr), ("mean_color", 14.0)):
            for metric, value in (("hole_psnr", own), ("hole_ssim", 0.5), ("hole_l1", 0.1)):
                rows.append((system, seed, method, metric, value))
            rows.append((system, seed, method, "hole_psnr_median", 99.0))
    return pd.DataFrame(rows, columns=["system", "seed", "method", "metric", "value"])


def test_means_and_spreads_over_the_seeds_best_first(rows: pd.DataFrame) -> None:
    table = table_of(rows)
    assert list(table["system"]) == ["good", "mean_color", "bad"]
    assert list(table["hole_psnr"]) == [23.0, 14.0, 12.0]
    assert list(table["hole_psnr_spread"]) == [2.0, 0.0, 0.0]


def test_markdown_gives_half_the_spread_and_what_else_is_asked_for(rows: pd.DataFrame) -> None:
    table = table_of(rows)
    table["score"] = [6.5, float("nan"), 3.0]
    lines = to_markdown(table, extra=["score"]).splitlines()
    assert len(lines) == 5
    assert lines[2] == "| good | 23.00 ± 1.00 | 0.500 | 0.1000 | 6.50 |"
    assert lines[3] == "| mean color | 14.00 | 0.500 | 0.1000 |  |"


def test_what_a_system_has_no_figure_of_is_empty(rows: pd.DataFrame) -> None:
    known = rows[(rows["system"] != "bad") | (rows["metric"] != "hole_ssim")]
    lines = to_markdown(table_of(known)).splitlines()
    assert lines[4] == "| bad | 12.00 |  | 0.1000 |"


def test_the_plot_has_a_row_for_each(rows: pd.DataFrame, tmp_path: Path) -> None:
    write_plot(rows, tmp_path / "all.png")
    write_plot(rows[rows["system"] == "good"], tmp_path / "one.png")
    with Image.open(tmp_path / "all.png") as both, Image.open(tmp_path / "one.png") as one:
        assert both.height > one.height and both.width == one.width


def test_systems_that_make_up_pictures_have_a_table_of_their_own(rows: pd.DataFrame) -> None:
    made_up = {"sliced_wasserstein": 0.2, "diversity": 0.9, "detail_ratio": 1.5, "novelty": 0.8}
    more = [
        (system, 0, "samples", metric, value * factor)
        for system, factor in (("both", 2.0), ("only", 1.0))
        for metric, value in made_up.items()
    ]
    more += [("both", 0, "model", "hole_psnr", 9.0), ("both", 0, "model", "hole_ssim", 0.1)]
    more += [("both", 0, "model", "hole_l1", 0.3)]
    everything = pd.concat([rows, pd.DataFrame(more, columns=rows.columns)])
    sampling = table_of(everything, SAMPLING)
    assert list(sampling["system"]) == ["only", "both"]
    assert list(sampling["detail_ratio"]) == [1.5, 3.0]
    assert list(table_of(everything)["system"]) == ["good", "mean_color", "bad", "both"]


def test_there_may_be_no_system_that_makes_up_pictures(rows: pd.DataFrame) -> None:
    """Distances of completed boxes go by the same name, and are none of theirs."""
    distance = pd.DataFrame(
        [("good", 0, "model", "sliced_wasserstein", 0.1)], columns=list(rows.columns)
    )
    for none in (rows, pd.concat([rows, distance])):
        table = table_of(none, SAMPLING)
        assert table.empty and set(SAMPLING) < set(table.columns)
