from pathlib import Path

import pandas as pd
import pytest

from pipeline.commands.thresholds import threshold_table
from pipeline.config.profiles import render
from pipeline.photos import photo_tables


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten photos in two categories, nine with one box of a tenth of its number as score."""
    (tmp_path / "params.yaml").write_text(render("sample"))
    monkeypatch.chdir(tmp_path)
    keys = [str(number) for number in range(10)]
    scores = [[number / 10] if number else [] for number in range(10)]
    boxes = [[0.0, 0.0, 10.0, 10.0 * number] if number else [] for number in range(10)]
    sums = [key.zfill(64) for key in keys[1:]] + ["f" * 64]
    people = {
        "key": keys,
        "status": "ok",
        "traits": "",
        "contrast": 200.0,
        "sha256": sums,
        "height": 100,
        "width": 100,
    }
    people |= {"scores": scores, "boxes": boxes}
    photo_tables.write(pd.DataFrame(people), Path("data/detect_people/people.parquet"))
    index = pd.DataFrame({"key": keys, "category": ["hill"] * 5 + ["sea"] * 5})
    photo_tables.write(index, Path("data/index/index.parquet"))
    return Path("data")


def cells(table: str, first: str) -> list[str]:
    (row,) = (line for line in table.splitlines() if line.strip("│ ").startswith(f"{first} "))
    return [cell.strip() for cell in row.strip("│").split("│")][1:]


def test_a_grid_around_the_present_threshold(data: Path) -> None:
    table = threshold_table(data, [], [], by_category=False)
    assert "of 10 whole photos" in table and "min_box_area 0*" in table
    assert cells(table, "0.4*") == ["4 (40.0%)"]
    assert cells(table, "0.9") == ["9 (90.0%)"]


def test_thresholds_that_are_asked_for(data: Path) -> None:
    table = threshold_table(data, [0.55], [0.07], by_category=False)
    # From 0.07 of the photo on count the boxes of photos 7, 8 and 9.
    assert cells(table, "0.55") == ["6 (60.0%)", "7 (70.0%)"]
    assert cells(table, "0.4*") == ["4 (40.0%)", "7 (70.0%)"]


def test_large_boxes_count_at_a_lower_score(data: Path) -> None:
    """Photos 5 to 9 have boxes of 0.05 and more: theirs are raised, and 0.3 of the floor too."""
    params = Path("params.yaml")
    raised = params.read_text().replace("large_box_bonus: 0.0", "large_box_bonus: 0.25")
    params.write_text(raised.replace("large_box_area: 0.005", "large_box_area: 0.05"))
    table = threshold_table(data, [0.7], [], by_category=False)
    assert cells(table, "0.7") == ["5 (50.0%)"]
    assert cells(table, "0.4*") == ["4 (40.0%)"]
    with pytest.raises(ValueError, match=r"large_box_bonus \(0\.3\) to 1"):
        threshold_table(data, [0.2], [], by_category=False)


def test_by_category(data: Path) -> None:
    table = threshold_table(data, [0.8], [], by_category=True)
    assert cells(table, "hill") == ["5", "80%", "100%"]
    assert cells(table, "sea") == ["5", "0%", "60%"]


@pytest.mark.parametrize("score", [0.01, 1.5])
def test_scores_that_were_never_stored_are_refused(data: Path, score: float) -> None:
    with pytest.raises(ValueError, match=f"--min-score is {score}, but must be from detect_people"):
        threshold_table(data, [score], [], by_category=False)


def test_without_people_it_says_what_to_run(data: Path) -> None:
    (data / "detect_people/people.parquet").unlink()
    with pytest.raises(ValueError, match="run `dvc repro detect_people` first"):
        threshold_table(data, [], [], by_category=False)
