"""Pages of many photos, by filters, the surest people first."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.photos import photo_tables
from pipeline.web.data_set import NO_SPLIT, PAGE, Filters, any_of, matching

NUM = 1000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    scores = np.random.default_rng(0).permutation(NUM) / NUM
    verdicts = np.where(scores >= 0.25, "person", "kept")
    keys = [f"{number:04}" for number in range(NUM)]
    table = pd.DataFrame(
        {
            "key": keys,
            "category": ["sea", "hill"] * (NUM // 2),
            "verdict": verdicts,
            "person_score": scores,
        }
    )
    photo_tables.write(table, data / "filter_people/verdicts.parquet")
    kept = table[table["verdict"] == "kept"]
    splits = pd.DataFrame({"key": kept["key"], "split": ["train", "test"] * (len(kept) // 2)})
    photo_tables.write(splits, data / "filter_people/splits.parquet")
    return data


def test_the_pages_hold_every_photo_once_and_the_surest_people_first(data: Path) -> None:
    found = [matching(data, Filters(), page) for page in range(1, 43)]
    assert {each.num_pages for each in found} == {42} and found[0].num_photos == NUM
    scores = [score for each in found for score in each.scores]
    assert scores == sorted(scores, reverse=True)
    assert len({key for each in found for key in each.keys}) == NUM
    assert len(found[0].keys) == PAGE and len(found[-1].keys) == NUM - 41 * PAGE
    assert matching(data, Filters(), 99) == found[-1]
    assert matching(data, Filters(), 0) == found[0]


@pytest.mark.parametrize(
    "filters, number",
    [
        (Filters(verdict="person"), 750),
        (Filters(category="sea"), 500),
        (Filters(least_score=0.9), 100),
        (Filters(verdict="kept", least_score=0.2), 50),
        (Filters(split="train"), 125),
        (Filters(split=NO_SPLIT), 750),
        (Filters(split="val"), 0),
        (Filters(category="lake"), 0),
    ],
)
def test_filters_count_exactly(data: Path, filters: Filters, number: int) -> None:
    assert matching(data, filters, 1).num_photos == number
    chosen = any_of(data, filters)
    assert (chosen is None) == (number == 0)
