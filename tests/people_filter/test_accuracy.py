"""What is known of the people filter where it is known who is in the photos."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.params.filter_people import FilterPeopleParams
from pipeline.people_filter.accuracy import (
    CURVE_COLUMNS,
    average_precision,
    curve,
    figures,
    labelled,
    recall_by_height,
)
from pipeline.stages.filter_people import write_people_filter

# Ten photos: six with people of these heights, four without; scores fall.
PHOTOS = pd.DataFrame(
    {
        "score": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.0, 0.0],
        "person_height": [200, 100, 0, 90, 32, 0, 20, 0, 10, 0],
    }
)
PARAMS = FilterPeopleParams(
    min_score=0.45,
    min_box_area=0.0,
    large_box_bonus=0.0,
    large_box_area=0.005,
    damaged="drop",
    transparency="composite",
    min_contrast=4.0,
    near_copy_bits=4,
    near_copies="keep",
    val_share=0.1,
    test_share=0.05,
    seed=0,
    num_thumbnails=10,
)


def test_shares_at_a_threshold() -> None:
    found = figures(PHOTOS, 0.45)
    assert (found["photos_with_truth"], found["photos_with_people"]) == (10, 6)
    assert found["precision"] == 4 / 5
    assert found["recall"] == pytest.approx(4 / 6, abs=1e-4)
    assert found["false_alarms"] == 1 / 4
    for name in ("precision", "recall", "false_alarms"):
        assert 0 <= found[f"{name}_low"] < found[name] < found[f"{name}_high"] <= 1
    assert {name: row["photos"] for name, row in found["by_height"].items()} == {
        "small": 3,
        "medium": 1,
        "large": 2,
    }


def test_recall_by_height_has_every_photo_with_people_once() -> None:
    assert recall_by_height(PHOTOS, 0.45) == {"small": (1, 3), "medium": (1, 1), "large": (2, 2)}
    counts = recall_by_height(PHOTOS, 0.25).values()
    assert [sum(column) for column in zip(*counts, strict=True)] == [5, 6]


def test_the_curve_falls_and_rises_as_it_must() -> None:
    table = curve(PHOTOS, [0.05, 0.25, 0.45, 0.65, 0.95])
    assert list(table.columns) == CURVE_COLUMNS
    assert table["found"].tolist() == [5, 5, 4, 2, 0]
    assert table["lost_without_people"].tolist() == [3, 2, 1, 1, 0]
    assert table["recall"].is_monotonic_decreasing and table["false_alarms"].is_monotonic_decreasing
    assert np.isnan(table["precision"].iloc[-1]), "no photo was dropped"


def test_average_precision_by_hand() -> None:
    # People at ranks 1, 2, 4, 5 and 7; the sixth person has no score at all.
    expected = (1 + 1 + 3 / 4 + 4 / 5 + 5 / 7) / 6
    assert average_precision(PHOTOS) == pytest.approx(expected)
    assert average_precision(PHOTOS.assign(person_height=0)) == 0
    perfect = PHOTOS.assign(person_height=[9] * 4 + [0] * 6)
    assert average_precision(perfect) == 1
    # Of equal scores neither is first.
    tied = PHOTOS.assign(score=0.5)
    assert average_precision(tied) == pytest.approx(0.6)


def people_table() -> pd.DataFrame:
    """As the index and `detect_people` make it together; photos of 128 x 256 px."""
    rows = [
        {"key": "a", "sha256": "a", "status": "ok", "scores": [0.9], "boxes": [0.0, 0, 60, 20]},
        {"key": "b", "sha256": "b", "status": "ok", "scores": [], "boxes": []},
        {"key": "c", "sha256": "a", "status": "ok", "scores": [0.9], "boxes": [0.0, 0, 60, 20]},
        {"key": "d", "sha256": "d", "status": "broken", "scores": [], "boxes": []},
        {"key": "e", "sha256": "e", "status": "ok", "scores": [0.6], "boxes": [0.0, 0, 10, 10]},
    ]
    size = {"height": 128, "width": 256, "category": "c"}
    table = pd.DataFrame([row | size | {"path": f"c/{row['key']}.jpg"} for row in rows])
    return table.assign(is_copy=table["key"] == "c")


def measure(data: Path) -> None:
    """`write_people_filter` on `people_table`."""
    people = people_table()
    verdicts = pd.DataFrame({"first": [0, 1, 0, 3, 4]})
    write_people_filter(
        verdicts, lambda columns: iter([people[columns]]), data, data / "filter_people", PARAMS
    )


def truth_table() -> pd.DataFrame:
    people = {"a": [[0, 0, 60, 20], [5, 5, 10, 10]], "b": [[0, 0, 8, 8]], "c": [[0, 0, 60, 20]]}
    keys = list("abcdef")
    paths = [f"c/{key}.jpg" for key in keys]
    return pd.DataFrame({"path": paths, "people": [people.get(key, []) for key in keys]})


def test_whole_photos_with_truth_count_once_each() -> None:
    people = people_table()
    # In pieces, which do not show.
    pieces = [people[:2], people[2:]]
    known = labelled(pieces, truth_table(), min_box_area=0.0)
    assert known["score"].tolist() == [0.9, 0.0, 0.6]
    assert known["person_height"].tolist() == [120, 16, 0]  # at a short side of 256
    large = labelled(pieces, truth_table(), min_box_area=0.01)
    assert large["score"].tolist() == [0.9, 0, 0]


def test_the_stage_writes_figures_and_what_is_compared(tmp_path: Path) -> None:
    for folder in ("download/lists", "detect_people", "filter_people"):
        (tmp_path / folder).mkdir(parents=True)
    truth_table().to_parquet(tmp_path / "download/lists/truth.parquet")
    (tmp_path / "detect_people/people.parquet").write_bytes(b"people")
    measure(tmp_path)
    found = json.loads((tmp_path / "filter_people/figures.json").read_text())
    assert (found["photos_with_truth"], found["photos_with_people"]) == (3, 2)
    assert (found["recall"], found["precision"], found["false_alarms"]) == (0.5, 0.5, 1.0)
    assert len(found["truth_sha256"]) == len(found["people_sha256"]) == 64
    compared = json.loads((tmp_path / "filter_people/people_filter.json").read_text())
    assert compared == {name: found[name] for name in ("recall", "false_alarms")}
    table = pd.read_csv(tmp_path / "filter_people/people_filter.csv")
    assert 0.45 in table["min_score"].tolist() and len(table) > 5


def test_a_source_without_truth_says_so(tmp_path: Path) -> None:
    (tmp_path / "filter_people").mkdir()
    measure(tmp_path)
    assert json.loads((tmp_path / "filter_people/people_filter.json").read_text()) == {}
    found = json.loads((tmp_path / "filter_people/figures.json").read_text())
    assert found == {"photos_with_truth": 0, "photos_with_people": 0}
    table = pd.read_csv(tmp_path / "filter_people/people_filter.csv")
    assert list(table.columns) == CURVE_COLUMNS and len(table) == 0
