import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config.profiles import render
from pipeline.duplicates.descriptors import mirrored
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.people_filter.thresholds import (
    curves,
    first_of_same_bytes,
    kept_by_threshold,
    known_scores,
    largest_areas,
    person_boxes,
)
from pipeline.photos import photo_tables
from pipeline.runtime.photo_archive import stored_archive
from pipeline.stages import filter_people
from pipeline.stages.detect_people import SCHEMA
from pipeline.stages.filter_people import funnel, judge

PARAMS = FilterPeopleParams(
    min_score=0.5,
    min_box_area=0.01,
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


def sum_of(key: str) -> str:
    return key.encode().hex().zfill(64)


def photo(key: str, **facts: object) -> dict[str, object]:
    """A photo of 100x100 px without boxes."""
    plain = {
        "key": key,
        "path": f"data_256/c/{key}.jpg",
        "category": "c",
        "status": "ok",
        "traits": "",
        "contrast": 200.0,
        "sha256": sum_of(key),
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
        photo("e", sha256=sum_of("a")),
        photo("f", status="broken"),
        photo("g", status=None, sha256=None),
        photo("h", scores=[0.9, 0.6], boxes=[0.0, 0.0, 1.0, 1.0, 5.0, 5.0, 20.0, 20.0]),
    ]
)


def in_pieces(columns: list[str]) -> Iterator[pd.DataFrame]:
    """As the stage reads them, cut so that the copy is in another piece than the first."""
    chosen = PHOTOS[["key", *columns]]
    yield from (chosen.iloc[:3], chosen.iloc[3:4], chosen.iloc[4:])


def counted() -> list[pd.DataFrame]:
    first = first_of_same_bytes([PHOTOS["sha256"]])
    photos = PHOTOS.assign(is_copy=first != np.arange(len(PHOTOS)))
    return [photos.iloc[:4], photos.iloc[4:]]


def test_each_photo_has_one_verdict() -> None:
    verdicts = judge(in_pieces, PARAMS).set_axis(list(PHOTOS["key"]))
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
    assert verdicts["first"].tolist() == [0, 1, 2, 3, 0, 5, 6, 7]
    assert verdicts["person_score"]["h"] == 0.6


def test_the_grid_is_what_judge_would_keep() -> None:
    scores, areas = [0.3, 0.5, 0.95], [0.0, 0.01, 0.3]
    grid = kept_by_threshold(counted(), scores, areas)
    assert len(grid) == 9 and set(grid["photos"]) == {5}  # no copy, broken or unseen photo
    for row in grid.itertuples():
        changes = {"min_score": row.min_score, "min_box_area": row.min_box_area}
        verdicts = judge(in_pieces, PARAMS.model_copy(update=changes))
        assert row.kept == (verdicts["verdict"] == "kept").sum(), changes


def test_curves_move_one_threshold() -> None:
    grid = kept_by_threshold(counted(), [0.3, 0.5, 0.95], [0.0, 0.01])
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
    verdicts = judge(in_pieces, PARAMS)
    group = [0, -1, 0, 3, -1, -1, -1, -1]
    split = ["train", None, "train", "val", None, None, None, None]
    assert funnel(verdicts.assign(group=group, split=split)) == {
        "photos": 8,
        "kept": 3,
        "other_category": 1,
        "broken": 1,
        "unreadable_mode": 0,
        "damaged": 0,
        "transparent": 0,
        "flat": 0,
        "person": 2,
        "exact_copy": 1,
        "near_copy": 0,
        "near_copies": 1,
        "split": {"train": 2, "val": 1, "test": 0},
    }


SUM = "0" * 64


def run_on_tables(
    folder: Path, all_alike: bool = False, some_mirrored: bool = False
) -> dict[str, bytes]:
    """All outs of the stage by name; of 120 photos 90 were looked at, some of them alike."""
    rng = np.random.default_rng(0)
    keys = [f"k{number:03}" for number in range(120)]
    index = pd.DataFrame({"key": keys, "path": keys, "offset": 0, "size": 0, "crc32": 0})
    index["category"] = [f"c{number // 40}" for number in range(120)]
    looked_at = [key for number, key in enumerate(keys) if number % 4]
    people = pd.DataFrame([photo(key, error="") for key in looked_at])
    hashes = rng.integers(0, 2**63, len(people))
    hashes[40:50] = hashes[:10] ^ 1
    people["perceptual_hash"] = [f"{number:016x}" for number in hashes.tolist()]
    if all_alike:
        people["perceptual_hash"] = "0" * 16
    looks = rng.integers(-40, 40, (len(people), 63), dtype=np.int8)
    looks[50:70] = looks[20:40]
    if some_mirrored:
        looks[70:75] = mirrored(looks[:5])
    people["descriptor"] = [row.tobytes().hex() for row in looks]
    people.loc[80:84, "sha256"] = list(people["sha256"].iloc[5:10])
    for number in range(85, 90):
        people.at[number, "scores"], people.at[number, "boxes"] = [0.8], [0.0, 0.0, 9.0, 9.0]
    photo_tables.write(index, folder / "index" / "index.parquet")
    photo_tables.write_pieces(
        [people[SCHEMA.names]], folder / "detect_people/people.parquet", SCHEMA
    )
    (folder / "download").mkdir()
    (folder / "download" / "photos.tar.sha256").write_text(f"{SUM}  photos.tar\n")
    archive = stored_archive(SUM)  # of which no photo is looked at
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(b"")
    filter_people.run(folder)
    out = folder / "filter_people"
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*.*")}


@pytest.fixture
def without_sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no photos to show."""
    text = render("sample").replace("num_thumbnails: 100", "num_thumbnails: 0")
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("without_sheets")
def test_outs_do_not_depend_on_how_many_rows_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_on_tables(tmp_path / "whole")
    verdicts = photo_tables.read(tmp_path / "whole" / "filter_people" / "verdicts.parquet")
    assert verdicts["verdict"].value_counts().to_dict() == {
        "kept": 80,
        "other_category": 30,
        "exact_copy": 5,
        "person": 5,
    }
    kept = verdicts[verdicts["verdict"] == "kept"]
    assert (kept["group"] != kept["key"]).sum() == 10
    assert kept["group"].isin(kept["key"]).all()
    copies = verdicts[verdicts["verdict"] == "exact_copy"]
    assert set(copies["copy_of"]) <= set(kept["key"]) and copies["copy_of"].is_unique
    assert len(photo_tables.read(tmp_path / "whole" / "filter_people" / "leaks.parquet")) > 0
    for num_rows in (7, 64):
        monkeypatch.setattr(photo_tables, "ROWS_AT_ONCE", num_rows)
        assert run_on_tables(tmp_path / str(num_rows)) == whole


@pytest.mark.usefixtures("without_sheets")
def test_mirrored_copies_join_the_groups_of_what_they_resemble(tmp_path: Path) -> None:
    run_on_tables(tmp_path / "before")
    run_on_tables(tmp_path / "after", some_mirrored=True)
    before, after = (tmp_path / name / "filter_people" for name in ("before", "after"))
    groups = pd.read_csv(before / "groups.csv")
    assert list(groups["photos"]) == [2] * 10 and list(groups["kept"]) == [2] * 10
    joined = pd.read_csv(after / "groups.csv")
    assert list(joined["photos"]) == [3] * 5 + [2] * 5
    assert sorted(joined["group"]) == sorted(groups["group"]), "nothing else has changed"
    assert set(joined["categories"]) == {2, 3}
    splits = photo_tables.read(after / "splits.parquet").set_index("key")["split"]
    verdicts = photo_tables.read(after / "verdicts.parquet")
    alike = photo_tables.read(after / "near_copies.parquet")
    assert len(alike) == 5 * 3 + 5 * 2 and set(alike["group"]) == set(joined["group"])
    of_verdicts = verdicts.set_index("key")["group"]
    assert (of_verdicts[alike["key"]].to_numpy() == alike["group"]).all()
    for _, members in verdicts[verdicts["group"].isin(joined["group"])].groupby("group"):
        assert splits[members["key"]].nunique() == 1
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("near_copy_bits: 6", "near_copy_bits: 0"))
    run_on_tables(tmp_path / "off", some_mirrored=True)
    assert len(pd.read_csv(tmp_path / "off/filter_people/groups.csv")) == 0


@pytest.mark.usefixtures("without_sheets")
def test_copies_in_another_category_are_named(tmp_path: Path) -> None:
    run_on_tables(tmp_path)
    table = pd.read_csv(tmp_path / "filter_people/other_categories.csv")
    assert len(table) == 5
    assert set(table["category"]) == {"c2"} and set(table["kept_category"]) == {"c0"}
    verdicts = photo_tables.read(tmp_path / "filter_people/verdicts.parquet").set_index("key")
    assert (verdicts.loc[table["key"], "copy_of"].to_numpy() == table["kept_path"]).all()
    counts = json.loads((tmp_path / "filter_people/funnel.json").read_text())
    assert counts["in_other_categories"] == 5


@pytest.mark.usefixtures("without_sheets")
def test_no_photo_left_is_an_error_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = partial(photo, status="broken", scores=[], boxes=[])
    monkeypatch.setattr(f"{__name__}.photo", lost)
    with pytest.raises(ValueError, match=r"no photo is left of 120: {'broken': 90, 'other_cat"):
        run_on_tables(tmp_path / "data")


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(ValueError, match="val_share . test_share is 1.1 but must be < 1"):
        FilterPeopleParams.model_validate(
            PARAMS.model_dump() | {"val_share": 0.6, "test_share": 0.5}
        )


@pytest.mark.usefixtures("without_sheets")
def test_of_near_copies_the_first_alone_may_be_kept(tmp_path: Path) -> None:
    run_on_tables(tmp_path / "keep")
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("near_copies: keep", "near_copies: first"))
    run_on_tables(tmp_path / "first")
    before, after = (
        photo_tables.read(tmp_path / name / "filter_people/verdicts.parquet").set_index("key")
        for name in ("keep", "first")
    )
    later = before[(before["group"] != before.index) & (before["verdict"] == "kept")].index
    assert len(later) == 10
    assert set(after.loc[later, "verdict"]) == {"near_copy"}
    assert (after.loc[later, "copy_of"] == before.loc[later, "group"]).all()
    assert after["verdict"].value_counts().to_dict() == {
        "kept": 70,
        "other_category": 30,
        "near_copy": 10,
        "exact_copy": 5,
        "person": 5,
    }
    splits = photo_tables.read(tmp_path / "first/filter_people/splits.parquet")
    assert sorted(splits["key"]) == sorted(after.index[after["verdict"] == "kept"])


@pytest.mark.usefixtures("without_sheets")
def test_a_group_that_leaves_a_split_empty_is_named(tmp_path: Path) -> None:
    says = r"`val` gets 0 photos .*val_share wants 8 of 80.* largest .* has 80 .*\(the first is k"
    with pytest.raises(ValueError, match=says):
        run_on_tables(tmp_path, all_alike=True)


@pytest.mark.usefixtures("without_sheets")
@pytest.mark.parametrize("num_kept", [1, 2, 3, 9])
def test_few_photos_fill_every_split_or_are_an_error(num_kept: int) -> None:
    looks = pd.DataFrame([photo(str(number)) for number in range(num_kept)])
    hashes = [f"{number * 0x0123456789ABCDEF % 2**64:016x}" for number in range(num_kept)]
    table = looks.assign(perceptual_hash=hashes)

    def photos(columns: list[str]) -> Iterator[pd.DataFrame]:
        yield table[["key", *columns]]

    params = PARAMS.model_copy(update={"near_copy_bits": 0, "val_share": 0.1, "test_share": 0.05})
    verdicts = pd.DataFrame({"verdict": ["kept"] * num_kept})
    if num_kept < 3:
        with pytest.raises(ValueError, match=f"split `train` gets no photo: {num_kept} kept"):
            filter_people.split(verdicts, photos, params)
    else:
        counts = filter_people.split(verdicts, photos, params)["split"].value_counts()
        assert counts.to_dict() == {"train": num_kept - 2, "val": 1, "test": 1}


@pytest.mark.parametrize(("lowest", "bonus"), [(0.1, 0.2), (0.05, 0.25), (0.15, 0.15), (0.3, 0.0)])
def test_the_grid_begins_where_scores_are_known(lowest: float, bonus: float) -> None:
    people = [pd.DataFrame({"scores": [[0.9, lowest], []]})]
    assert known_scores(people, 0.4, bonus)[0] == 0.3
