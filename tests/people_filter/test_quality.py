"""What decoding told about a photo decides before anybody asks who is in it."""

import numpy as np
import pandas as pd
import pytest

from pipeline.config.profiles import render
from pipeline.duplicates.descriptors import contrast
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.people_filter.quality import judged_status
from support.pictures import picture

PARAMS = FilterPeopleParams(
    min_score=0.5,
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
PHOTOS = pd.DataFrame(
    {
        "status": ["ok", "damaged", "ok", "ok", "broken", None, "damaged"],
        "traits": ["profile", "", "deep transparent", "", "", None, ""],
        "contrast": [90.0, 90.0, 90.0, 3.9, 0.0, np.nan, 1.0],
    }
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["ok", "damaged", "ok", "flat", "broken", None, "damaged"]),
        ({"damaged": "keep"}, ["ok", "ok", "ok", "flat", "broken", None, "flat"]),
        (
            {"transparency": "drop"},
            ["ok", "damaged", "transparent", "flat", "broken", None, "damaged"],
        ),
        ({"min_contrast": 0.0}, ["ok", "damaged", "ok", "ok", "broken", None, "damaged"]),
    ],
)
def test_params_decide_what_is_dropped(changes: dict[str, object], expected: list[str]) -> None:
    found = judged_status(PHOTOS, PARAMS.model_copy(update=changes))
    assert [None if pd.isna(each) else each for each in found] == expected


def test_contrast_is_that_of_nearly_all_pixels() -> None:
    flat = np.full((300, 200, 3), 77, np.uint8)
    assert contrast(flat) == 0
    flat[:2] = 255  # a line
    assert contrast(flat) == 0
    ramp = np.zeros((100, 256, 3), np.uint8)
    ramp[..., 1] = np.arange(256)
    assert abs(contrast(ramp) - 0.96 * 255) < 4
    assert contrast(np.asarray(picture(0))) > 100


def test_the_sample_drops_what_is_damaged_and_keeps_what_is_transparent() -> None:
    assert "damaged: drop" in render("sample") and "transparency: composite" in render("sample")
