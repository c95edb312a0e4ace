import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipeline.config.profiles import render
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.params.section import check
from pipeline.people_filter.large_people import (
    raised_scores,
    square_areas,
    with_raised_scores,
)


def profile(name: str) -> FilterPeopleParams:
    values = YAML(typ="safe").load(render(name))["filter_people"]
    return check("filter_people", FilterPeopleParams, values)


PARAMS = profile("folder").model_copy(update={"min_score": 0.4, "large_box_bonus": 0.25})
LARGE, SMALL = [10.0, 10.0, 8.0, 8.0], [10.0, 10.0, 7.0, 7.0]  # 0.0064 and 0.0049 of 100x100


def test_the_scores_of_large_boxes_are_raised_and_no_others() -> None:
    scores = raised_scores(
        [0.15, 0.1499, 0.39, 0.4, 0.9], LARGE * 2 + SMALL * 2 + LARGE, (100, 100), PARAMS
    )
    assert scores.tolist() == [0.4, 0.3999, 0.39, 0.4, 1.0]
    assert (scores >= PARAMS.min_score).tolist() == [True, False, False, True, True]
    assert raised_scores([], [], (100, 100), PARAMS).tolist() == []


@pytest.mark.parametrize("size", [(100, 600), (600, 100), (100, 133)])
def test_how_large_a_box_is_does_not_depend_on_what_is_cut_off(size: tuple[int, int]) -> None:
    assert raised_scores([0.2, 0.2], LARGE + SMALL, size, PARAMS).tolist() == [0.45, 0.2]
    areas = square_areas(np.array([LARGE]), *map(np.asarray, size))
    assert areas == pytest.approx([0.0064])


def test_photos_that_were_not_looked_at_stay_so() -> None:
    photos = pd.DataFrame(
        {
            "scores": [np.array([0.2, 0.1]), np.nan, np.array([])],
            "boxes": [np.array(LARGE + SMALL), np.nan, np.array([])],
            "height": [100, np.nan, 100],
            "width": [100, np.nan, 100],
        },
        index=[3, 5, 6],
    )
    raised = with_raised_scores(photos, PARAMS)["scores"]
    assert list(raised[3]) == [0.45, 0.1] and pd.isna(raised[5]) and list(raised[6]) == []
    none = PARAMS.model_copy(update={"large_box_bonus": 0.0})
    assert with_raised_scores(photos, none) is photos


def test_real_detectors_have_two_thresholds() -> None:
    for name in ("folder", "places365", "places365-val"):
        params = profile(name)
        assert (params.min_score, params.large_box_bonus) == (0.3, 0.15)
    assert profile("sample").large_box_bonus == 0
