import pandas as pd
import pytest

from pipeline.params.filter_people import FilterPeopleParams
from pipeline.stages.filter_people import funnel, judge, near_groups
from pipeline.thresholds import curves, kept_by_threshold, largest_areas, person_boxes

PARAMS = FilterPeopleParams(
    min_score=0.5,
    min_box_area=0.01,
    near_copy_bits=4,
    val_share=0.1,
    test_share=0.05,
    seed=0,
    num_thumbnails=10,
)


def photo(key: str, **facts: object) -> dict[str, object]:
    """A photo of 100x100 px without boxes."""
    plain = {
        "key": key,
        "path": f"data_256/c/{key}.jpg",
        "category": "c",
        "status": "ok",
        "sha256": key,
        "perceptual_hash": "0" * 16,
        "height": 100,
        "width": 100,
        "scores": [],
        "boxes": [],
    }
    return plain | facts


PHOTOS = pd.DataFrame(
    [
        photo("a"),
        photo("b", scores=[0.5], boxes=[0.0, 0.0, 10.0, 10.0]),
        photo("c", scores=[0.49], boxes=[0.0, 0.0, 50.0, 50.0]),
        photo("d", scores=[0.9], boxes=[0.0, 0.0, 9.0, 11.0]),  # 0.99 % of the photo
        photo("e", sha256="a"),
        photo("f", status="broken"),
        photo("g", status=None, sha256=None),
        photo("h", scores=[0.9, 0.6], boxes=[0.0, 0.0, 1.0, 1.0, 5.0, 5.0, 20.0, 20.0]),
    ]
)


def test_each_photo_has_one_verdict() -> None:
    verdicts = judge(PHOTOS, PARAMS).set_index("key")
    assert verdicts["verdict"].to_dict() == {
        "a": "kept",
        "b": "person",
        "c": "kept",
        "d": "kept",
        "e": "exact_copy",
        "f": "broken",
        "g": "other_category",
        "h": "person",
    }
    assert verdicts["copy_of"].to_dict() == {key: "a" if key == "e" else "" for key in "abcdefgh"}
    assert verdicts["person_score"]["h"] == 0.6


def test_the_grid_is_what_judge_would_keep() -> None:
    scores, areas = [0.3, 0.5, 0.95], [0.0, 0.01, 0.3]
    grid = kept_by_threshold(PHOTOS, scores, areas)
    assert len(grid) == 9 and set(grid["photos"]) == {5}  # no copy, broken or unseen photo
    for row in grid.itertuples():
        changes = {"min_score": row.min_score, "min_box_area": row.min_box_area}
        verdicts = judge(PHOTOS, PARAMS.model_copy(update=changes))
        assert row.kept == (verdicts["verdict"] == "kept").sum(), changes


def test_curves_move_one_threshold() -> None:
    grid = kept_by_threshold(PHOTOS, [0.3, 0.5, 0.95], [0.0, 0.01])
    tables = dict(curves(grid, 0.5, 0.01))
    assert list(tables["kept_by_min_score"]["kept_share"]) == [0.4, 0.6, 1.0]
    assert list(tables["kept_by_min_box_area"]["kept_share"]) == [0.4, 0.6]
    assert tables["kept_by_category"].to_dict("records") == [
        {"category": "c", "photos": 5, "kept": 3, "kept_share": 0.6}
    ]


def test_the_largest_box_counts_from_the_score_on() -> None:
    areas = largest_areas(person_boxes(PHOTOS), len(PHOTOS), 0.5)
    expected = {"b": 0.01, "d": 0.0099, "h": 0.04}
    assert dict(zip(PHOTOS["key"], areas, strict=True)) == {
        key: expected.get(key, 0.0) for key in PHOTOS["key"]
    }


def test_funnel_adds_up() -> None:
    verdicts = judge(PHOTOS, PARAMS)
    counts = funnel(verdicts, ["a", "a", "d"], ["train", "train", "val"])
    assert counts == {
        "photos": 8,
        "kept": 3,
        "other_category": 1,
        "broken": 1,
        "person": 2,
        "exact_copy": 1,
        "near_copies": 1,
        "split": {"train": 2, "val": 1, "test": 0},
    }


def test_near_copies_share_a_group() -> None:
    kept = pd.DataFrame(
        {"key": list("abc"), "perceptual_hash": ["f" * 16, "0" * 16, "f" * 15 + "0"]}
    )
    assert near_groups(kept, PARAMS) == ["a", "b", "a"]


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(ValueError, match="val_share . test_share is 1.1 but must be < 1"):
        FilterPeopleParams.model_validate(
            PARAMS.model_dump() | {"val_share": 0.6, "test_share": 0.5}
        )
