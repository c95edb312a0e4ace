"""Stage: people -> a verdict on every photo, the kept ones, their splits, and the funnel.

Thresholds, duplicates and the split, all decided from tables: seconds, no GPU.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.duplicates import descriptors, near_copies, splits
from pipeline.duplicates.leaks import Leaks, find_leaks, leak_counts, leak_table
from pipeline.duplicates.turned_copies import find_turned_copies
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.params.section import load
from pipeline.people_filter.accuracy import curve, figures, labelled
from pipeline.people_filter.borderline import shown_on_sheets, write_sheets
from pipeline.people_filter.large_people import with_raised_scores
from pipeline.people_filter.quality import COLUMNS, STATUSES, judged_status
from pipeline.people_filter.thresholds import (
    best_scores,
    curves,
    first_of_same_bytes,
    kept_by_threshold,
    known_areas,
    known_scores,
    largest_areas,
    person_boxes,
)
from pipeline.photos import photo_tables
from pipeline.photos.decoding import TRAITS
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.photo_archive import photo_archive
from pipeline.runtime.scratch import published_together

# What becomes of a photo; of several reasons the first in this order is told.
VERDICTS = ("kept", "other_category", *STATUSES[1:], "person", "exact_copy", "near_copy")
# Of the kept photos in groups of two and more; their group is the key of its first member.
NEAR_COPIES_SCHEMA = pa.schema({"key": pa.string(), "group": pa.string()})
NUM_SHEETS = 8
# Groups in the table of the largest ones, and photos of each on their sheet.
NUM_GROUPS = 20
SHOWN_OF_GROUP = 3
# Of the figures of the people filter, what DVC compares runs by.
METRICS = ("recall", "false_alarms")
IN_INDEX = ("path", "category", "offset", "size", "crc32")

# Columns -> the photos of the index in pieces, with key and those.
Photos = Callable[[list[str]], Iterator[pd.DataFrame]]


def run(data: Path = Path("data")) -> None:
    """Writes data/filter_people/: verdicts, kept, splits, near_copies and leaks (parquet);
    groups.csv (the largest), other_categories.csv (where dropped copies lie), funnel.json, sheets/
    with sheets.csv, thresholds/ (what other thresholds would keep), and figures.json,
    people_filter.json and people_filter.csv (what the filter finds, where that is known).
    """
    params = load("filter_people", FilterPeopleParams)
    photos = partial(_photos, data, params)
    verdicts = judge(photos, params)
    _require_some_kept(verdicts, params)
    verdicts = split(verdicts, photos, params)
    leaks = _leaks(verdicts, photos)
    keys = _keys(verdicts, leaks, photos)
    leaking = leak_table(leaks, verdicts.loc[keys.index].assign(key=keys))
    counts = funnel(verdicts) | {"leaks": leak_counts(leaking, leaks.num_compared)}
    counts["converted"] = _conversions(verdicts, photos)
    members = _in_largest_groups(verdicts, photos)
    elsewhere = copies_in_other_categories(verdicts, photos)
    counts["in_other_categories"] = len(elsewhere)
    with published_together(data / "filter_people") as out:
        write_verdicts(verdicts, keys, photos, out)
        photo_tables.write(leaking, out / "leaks.parquet")
        largest_groups(members).to_csv(out / "groups.csv", index=False)
        elsewhere.to_csv(out / "other_categories.csv", index=False)
        (out / "funnel.json").write_text(json.dumps(counts, indent=2) + "\n")
        write_thresholds(verdicts, photos, out / "thresholds", params)
        write_people_filter(verdicts, photos, data, out, params)
        (out / "sheets").mkdir()
        num_each = params.num_thumbnails // NUM_SHEETS
        shown = members.groupby("group", sort=False).head(SHOWN_OF_GROUP).head(num_each)
        places = write_sheets(
            photo_archive(data),
            _on_sheets(verdicts, leaks, shown.index, photos, num_each),
            leaking,
            shown,
            out / "sheets",
            min_score=params.min_score,
            min_box_area=params.min_box_area,
            num_each=num_each,
        )
        places.to_csv(out / "sheets.csv", index=False)


def _photos(data: Path, params: FilterPeopleParams, columns: list[str]) -> Iterator[pd.DataFrame]:
    """Of photos that were not looked at, what looking would tell is missing.

    `status` is what `params` make of it, and so are `scores`.
    """
    in_index = [name for name in columns if name in IN_INDEX]
    in_people = [name for name in columns if name not in IN_INDEX]
    index = photo_tables.read_pieces(data / "index" / "index.parquet", ["key", *in_index])
    if not in_people:
        return index
    behind = {"status": COLUMNS, "scores": ("boxes", "height", "width")}
    needed = chain.from_iterable(behind[name] for name in in_people if name in behind)
    asked = dict.fromkeys([*in_people, *needed])
    people = data / "detect_people" / "people.parquet"
    looked_at = photo_tables.left_join(index, photo_tables.read_pieces(people, ["key", *asked]))
    if "scores" in in_people:
        looked_at = (with_raised_scores(piece, params) for piece in looked_at)
    if "status" in in_people:
        looked_at = (piece.assign(status=judged_status(piece, params)) for piece in looked_at)
    return (piece[["key", *columns]] for piece in looked_at)


def judge(photos: Photos, params: FilterPeopleParams) -> pd.DataFrame:
    """verdict, contrast, person_score, person_area, first of every photo, labelled by position.

    Of photos with the same bytes the first in order of path stays: `first` is its position.
    `person_score` is the best score of a box that is large enough, `person_area` the largest of
    the boxes whose score is high enough; 0 without one.
    """
    columns = ["status", "contrast", "height", "width", "scores", "boxes"]
    looks = pd.concat([_look(piece, params) for piece in photos(columns)], ignore_index=True)
    looks["first"] = first_of_same_bytes(piece["sha256"] for piece in photos(["sha256"]))
    verdict = np.select(
        [
            looks["status"].isna(),
            *(looks["status"] == name for name in STATUSES[1:]),
            looks["person_score"] >= params.min_score,
            looks["first"] != looks.index,
        ],
        range(1, VERDICTS.index("near_copy")),  # which `split` tells
        default=VERDICTS.index("kept"),
    )
    return looks.assign(verdict=pd.Categorical.from_codes(verdict, pd.Index(VERDICTS)))


def _look(photos: pd.DataFrame, params: FilterPeopleParams) -> pd.DataFrame:
    boxes = person_boxes(photos)
    return pd.DataFrame(
        {
            "status": pd.Categorical(photos["status"], STATUSES),
            "contrast": photos["contrast"].to_numpy(np.float32),
            "person_score": best_scores(boxes, len(photos), params.min_box_area),
            "person_area": largest_areas(boxes, len(photos), params.min_score),
        }
    )


def _require_some_kept(verdicts: pd.DataFrame, params: FilterPeopleParams) -> None:
    counts = verdicts["verdict"].astype(str).value_counts().to_dict()
    if "kept" not in counts:
        raise ValueError(
            f"no photo is left of {len(verdicts)}: {counts}. Where `person` dropped them, raise "
            f"params.yaml filter_people.min_score ({params.min_score}) or min_box_area "
            f"({params.min_box_area}); where `other_category` did, widen filter_categories"
        )


def split(verdicts: pd.DataFrame, photos: Photos, params: FilterPeopleParams) -> pd.DataFrame:
    """`verdicts` with the split and the group, by position of its first member.

    With `near_copies: first` the later members of a group are dropped, and keep the group. Photos
    that are dropped for another reason have the group -1, and those that are dropped no split.
    ValueError where the photos are so few that a split gets none, or groups so large that one gets
    less than half of its share.
    """
    kept = _kept(verdicts)
    hashes, numbers = np.empty(len(kept), np.uint64), np.empty(len(kept), np.uint64)
    for places, piece in _kept_pieces(photos(["perceptual_hash"]), verdicts):
        hashes[places] = near_copies.from_texts(piece["perceptual_hash"])
        numbers[places] = splits.rank_numbers(piece["key"], params.seed)
    groups = near_copies.group_near_copies(hashes, params.near_copy_bits).groups
    if params.near_copy_bits > 0:
        turned = find_turned_copies(_descriptors(verdicts, photos))
        groups = near_copies.join_pairs(groups, turned)
    group, code = np.full(len(verdicts), -1), np.full(len(verdicts), -1, np.int8)
    group[kept] = kept[groups]
    if params.near_copies == "first":
        is_later = groups != np.arange(len(groups))
        verdicts = verdicts.copy()
        verdicts.loc[kept[is_later], "verdict"] = "near_copy"
        kept, numbers = kept[~is_later], numbers[~is_later]
        groups = np.arange(len(kept))
    shares = {"val": params.val_share, "test": params.test_share}
    assigned = splits.assign(groups, numbers, val_share=shares["val"], test_share=shares["test"])
    firsts, sizes = np.unique(groups, return_counts=True)
    missing = [name for name in splits.SPLITS if not (assigned == name).any()]
    if missing and sizes.max() == 1:
        raise ValueError(
            f"the split `{missing[0]}` gets no photo: {len(kept)} kept ones are too few for params."
            f"yaml filter_people.val_share {params.val_share} and test_share {params.test_share}. "
            "Add photos, drop fewer, or lower the shares"
        )
    for name, share in {"train": 0.0, **shares}.items():
        wanted, got = splits.wanted(share, len(kept)), int((assigned == name).sum())
        if 2 * got < wanted:
            largest = photo_tables.rows_at(photos(["path"]), kept[firsts[[sizes.argmax()]]])
            share_of = f"{name}_share" if name in shares else "val_share and test_share"
            raise ValueError(
                f"the split `{name}` gets {got:,} photos where params.yaml filter_people."
                f"{share_of} wants {wanted:,} of {len(kept):,}: near copies share a split, and "
                f"the largest group of them has {sizes.max():,} photos (the first is "
                f"{largest['path'].iloc[0]}). Lower filter_people.near_copy_bits, set "
                "filter_people.near_copies to first, or add other photos"
            )
    code[kept] = assigned.codes
    names = pd.Categorical.from_codes(code, pd.Index(splits.SPLITS))
    return verdicts.assign(group=group, split=names)


def _kept(verdicts: pd.DataFrame) -> np.ndarray:
    """Positions."""
    return np.flatnonzero(verdicts["verdict"] == "kept")


def _kept_pieces(
    photos: Iterable[pd.DataFrame], verdicts: pd.DataFrame
) -> Iterator[tuple[slice, pd.DataFrame]]:
    """The kept photos in pieces, and which of all kept ones these are."""
    done = 0
    for piece in photo_tables.beside(photos, verdicts):
        kept = piece[piece["verdict"] == "kept"]
        yield slice(done, done + len(kept)), kept
        done += len(kept)


def _leaks(verdicts: pd.DataFrame, photos: Photos) -> Leaks:
    """By the photos' positions."""
    kept = _kept(verdicts)
    leaks = find_leaks(_descriptors(verdicts, photos), verdicts["split"].array[kept])
    return leaks._replace(first=kept[leaks.first], second=kept[leaks.second])


def _descriptors(verdicts: pd.DataFrame, photos: Photos) -> np.ndarray:
    """Of the kept photos."""
    shown = np.empty((len(_kept(verdicts)), descriptors.LENGTH), np.int8)
    for places, piece in _kept_pieces(photos(["descriptor"]), verdicts):
        shown[places] = descriptors.from_texts(piece["descriptor"])
    return shown


def _keys(verdicts: pd.DataFrame, leaks: Leaks, photos: Photos) -> "pd.Series[str]":
    """The keys of photos that others are named with, by position: those of all would be many."""
    of_copies = verdicts.loc[verdicts["verdict"] == "exact_copy", "first"]
    of_groups = verdicts.loc[_is_later_in_group(verdicts), "group"]
    positions = np.unique(np.concatenate([of_copies, of_groups, leaks.first, leaks.second]))
    return photo_tables.rows_at(photos([]), positions)["key"]


def _is_later_in_group(verdicts: pd.DataFrame) -> "pd.Series[bool]":
    return (verdicts["group"] >= 0) & (verdicts["group"] != verdicts.index)


def _in_largest_groups(verdicts: pd.DataFrame, photos: Photos) -> pd.DataFrame:
    """key, path, category, group and verdict of the members of the NUM_GROUPS largest groups.

    Labelled by position; `group` is that of its first member. The largest group comes first.
    """
    grouped = verdicts.loc[verdicts["group"] >= 0, "group"]
    sizes = grouped.value_counts().rename_axis("group").reset_index(name="size")
    sizes = sizes[sizes["size"] > 1].sort_values(["size", "group"], ascending=[False, True])
    rank = {group: number for number, group in enumerate(sizes["group"].head(NUM_GROUPS))}
    positions = grouped.index[grouped.isin(rank)].to_numpy(np.int64)
    members = photo_tables.rows_at(photos(["path", "category"]), positions)
    members = members.join(verdicts.loc[positions, ["group", "verdict"]])
    return members.iloc[np.argsort(members["group"].map(rank).to_numpy(), kind="stable")]


def largest_groups(members: pd.DataFrame) -> pd.DataFrame:
    """group, photos, kept, categories, path: a row for each group of `_in_largest_groups`.

    `group` and `path` are those of its first member.
    """
    rows = [
        {
            "group": some["key"].iloc[0],
            "photos": len(some),
            "kept": int((some["verdict"] == "kept").sum()),
            "categories": some["category"].nunique(),
            "path": some["path"].iloc[0],
        }
        for _, some in members.groupby("group", sort=False)
    ]
    return pd.DataFrame(rows, columns=["group", "photos", "kept", "categories", "path"])


def copies_in_other_categories(verdicts: pd.DataFrame, photos: Photos) -> pd.DataFrame:
    """key, path, category, kept_path, kept_category of photos dropped for the same bytes elsewhere.

    One of the two categories is wrong, or the photo belongs to neither.
    """
    first = verdicts.loc[verdicts["verdict"] == "exact_copy", "first"]
    positions = np.union1d(first.index, first)
    known = photo_tables.rows_at(photos(["path", "category"]), positions)
    copies, originals = known.loc[first.index], known.loc[first]
    table = copies.assign(
        kept_path=originals["path"].to_numpy(), kept_category=originals["category"].to_numpy()
    )
    columns = ["key", "path", "category", "kept_path", "kept_category"]
    return table.loc[table["category"] != table["kept_category"], columns]


def _conversions(verdicts: pd.DataFrame, photos: Photos) -> dict[str, int]:
    """Kept photos by what was done to their colours, see pipeline/photos/decoding.py."""
    counts = dict.fromkeys(TRAITS, 0)
    for _, piece in _kept_pieces(photos(["traits"]), verdicts):
        for trait in chain.from_iterable(piece["traits"].str.split()):
            counts[trait] += 1
    return counts


def funnel(verdicts: pd.DataFrame) -> dict[str, Any]:
    """Counts: photos in = kept + dropped by reason, and what the split did with the kept."""
    by_verdict = {name: int((verdicts["verdict"] == name).sum()) for name in VERDICTS}
    assert sum(by_verdict.values()) == len(verdicts), "photos in = photos out + dropped"
    return {
        "photos": len(verdicts),
        **by_verdict,
        "near_copies": int((_is_later_in_group(verdicts) & (verdicts["verdict"] == "kept")).sum()),
        "split": {name: int((verdicts["split"] == name).sum()) for name in splits.SPLITS},
    }


def write_verdicts(
    verdicts: pd.DataFrame, keys: "pd.Series[str]", photos: Photos, out: Path
) -> None:
    """verdicts, kept, splits and near_copies (parquet); `keys` as `_keys` gives them."""
    pieces = photo_tables.beside(photos(["path", "category"]), verdicts)
    photo_tables.write_pieces((_rows(piece, keys) for piece in pieces), out / "verdicts.parquet")
    kept = _kept_pieces(photos(["sha256"]), verdicts)
    sums = (piece[["key", "sha256"]] for _, piece in kept)
    photo_tables.write_pieces(sums, out / "kept.parquet")
    kept = _kept_pieces(photos([]), verdicts)
    names = (piece[["key"]].assign(split=piece["split"].astype(str)) for _, piece in kept)
    photo_tables.write_pieces(names, out / "splits.parquet")
    sizes = verdicts.loc[verdicts["verdict"] == "kept", "group"].value_counts()
    shared = set(sizes.index[sizes > 1])
    kept = _kept_pieces(photos([]), verdicts)
    alike = (piece[piece["group"].isin(shared)] for _, piece in kept)
    groups = (piece[["key"]].assign(group=_named(piece["group"], piece, keys)) for piece in alike)
    photo_tables.write_pieces(groups, out / "near_copies.parquet", NEAR_COPIES_SCHEMA)


def _rows(photos: pd.DataFrame, keys: "pd.Series[str]") -> pd.DataFrame:
    """Of verdicts.parquet: positions become keys, and codes names."""
    copied = photos["first"].where(photos["verdict"] == "exact_copy", -1)
    copied = photos["group"].where(photos["verdict"] == "near_copy", copied)
    return photos[["key", "path", "category"]].assign(
        verdict=photos["verdict"].astype(str),
        person_score=photos["person_score"],
        copy_of=_named(copied, photos, keys),
        group=_named(photos["group"], photos, keys),
    )


def _named(
    positions: "pd.Series[int]", photos: pd.DataFrame, keys: "pd.Series[str]"
) -> "pd.Series[str]":
    """The key at each position, which may be the photo's own; at -1 an empty one."""
    is_own = positions == photos.index
    return photos["key"].where(is_own, positions.map(keys)).fillna("")


def write_thresholds(
    verdicts: pd.DataFrame, photos: Photos, folder: Path, params: FilterPeopleParams
) -> None:
    """grid.csv (kept by category, score and box area) and the curves through the thresholds."""
    folder.mkdir()
    columns = ["category", "status", "height", "width", "scores", "boxes"]
    grid = kept_by_threshold(
        _with_copies(verdicts, photos(columns)),
        known_scores(photos(["scores"]), params.min_score, params.large_box_bonus),
        known_areas(params.min_box_area),
    )
    grid.to_csv(folder / "grid.csv", index=False)
    for name, table in curves(grid, params.min_score, params.min_box_area):
        table.to_csv(folder / f"{name}.csv", index=False)


def _with_copies(verdicts: pd.DataFrame, photos: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """`photos` with is_copy: the same bytes came before."""
    copies = pd.DataFrame({"is_copy": verdicts["first"] != verdicts.index})
    return photo_tables.beside(photos, copies)


def write_people_filter(
    verdicts: pd.DataFrame, photos: Photos, data: Path, out: Path, params: FilterPeopleParams
) -> None:
    """In `out`: figures.json at the thresholds and, of it, what DVC is to compare,
    people_filter.json; people_filter.csv through all scores.

    Only the source of painted photos knows who is in them; without its table there is nothing to
    measure, and the files say so.
    """
    truth_path = data / "download" / "lists" / "truth.parquet"
    sums = {}
    known = pd.DataFrame({"score": [], "person_height": []})
    if truth_path.is_file():
        people_path = data / "detect_people" / "people.parquet"
        sums = {"truth_sha256": sha256_of(truth_path), "people_sha256": sha256_of(people_path)}
        columns = ["path", "status", "height", "width", "scores", "boxes"]
        copies = _with_copies(verdicts, photos(columns))
        known = labelled(copies, photo_tables.read(truth_path), params.min_box_area)
    measured = figures(known, params.min_score) | sums
    (out / "figures.json").write_text(json.dumps(measured, indent=2) + "\n")
    metrics = {name: measured[name] for name in METRICS if name in measured}
    (out / "people_filter.json").write_text(json.dumps(metrics, indent=2) + "\n")
    min_scores = known_scores(photos(["scores"]), params.min_score, params.large_box_bonus)
    curve(known, min_scores if len(known) else []).to_csv(out / "people_filter.csv", index=False)


def _on_sheets(
    verdicts: pd.DataFrame, leaks: Leaks, in_groups: "pd.Index[int]", photos: Photos, num_each: int
) -> pd.DataFrame:
    """The photos that may stand on a contact sheet, with what the sheets choose by."""
    others = leaks.first[:num_each], leaks.second[:num_each], in_groups.to_numpy(np.int64)
    positions = np.unique(np.concatenate([shown_on_sheets(verdicts, num_each), *others]))
    columns = ["offset", "size", "crc32", "height", "width", "scores", "boxes"]
    choices = verdicts.loc[positions, ["verdict", "contrast", "person_score", "person_area"]]
    return photo_tables.rows_at(photos(columns), positions).join(choices)
