"""Stage: people -> a verdict on every photo, the kept ones, their splits, and the funnel.

Thresholds, duplicates and the split, all decided from tables: seconds, no GPU.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import manifests, splits
from pipeline.borderline import write_sheets
from pipeline.checksums import sha256_of
from pipeline.descriptors import from_texts
from pipeline.leaks import find_leaks, leak_counts, leak_table
from pipeline.near_copies import group_near_copies
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.params.section import load
from pipeline.people_truth import curve, figures, labelled
from pipeline.resume import fresh_folder
from pipeline.thresholds import (
    best_scores,
    curves,
    first_of_same_bytes,
    kept_by_threshold,
    known_areas,
    known_scores,
    largest_areas,
    person_boxes,
)

VERDICTS = ("kept", "other_category", "broken", "person", "exact_copy")
NUM_SHEETS = 5


def run(data: Path = Path("data")) -> None:
    """Writes data/filter_people/: verdicts, kept, splits and leaks (parquet), funnel.json, sheets/
    with sheets.csv, thresholds/ (what other thresholds would keep), and people_filter.json and .csv
    (what the filter finds, where that is known).
    """
    params = load("filter_people", FilterPeopleParams)
    index = manifests.read(data / "index" / "index.parquet")
    people = manifests.read(data / "detect_people" / "people.parquet")
    photos = index.merge(people, on="key", how="left", validate="one_to_one")
    verdicts = judge(photos, params)
    _require_some_kept(verdicts, params)
    kept = photos[verdicts["verdict"] == "kept"]
    groups = near_groups(kept, params)
    split = splits.assign(
        groups, val_share=params.val_share, test_share=params.test_share, seed=params.seed
    )
    kept = kept.assign(split=split)
    verdicts["group"] = pd.Series(groups, index=kept.index).reindex(verdicts.index, fill_value="")
    leaks = find_leaks(from_texts(kept["descriptor"]), split)
    leaking = leak_table(leaks, kept)
    counts = funnel(verdicts, groups, split) | {"leaks": leak_counts(leaking, leaks.num_compared)}
    out = data / "filter_people"
    manifests.write(verdicts, out / "verdicts.parquet")
    manifests.write(kept[["key", "sha256"]], out / "kept.parquet")
    manifests.write(kept[["key", "split"]], out / "splits.parquet")
    manifests.write(leaking, out / "leaks.parquet")
    (out / "funnel.json").write_text(json.dumps(counts, indent=2) + "\n")
    write_thresholds(photos, out / "thresholds", params)
    write_people_filter(photos, data, params)
    fresh_folder(out / "sheets")
    places = write_sheets(
        data / "download" / "photos.tar",
        _beside_thresholds(photos, verdicts, params),
        leaking,
        out / "sheets",
        min_score=params.min_score,
        min_box_area=params.min_box_area,
        num_each=params.num_thumbnails // NUM_SHEETS,
    )
    places.to_csv(out / "sheets.csv", index=False)


def judge(photos: pd.DataFrame, params: FilterPeopleParams) -> pd.DataFrame:
    """key, path, category, verdict, person_score, copy_of for every photo of the index.

    Of photos with the same bytes the first in order of path stays. `person_score` is the best
    score of a box that is large enough, 0 without one.
    """
    scores = best_scores(person_boxes(photos), len(photos), params.min_box_area)
    first = first_of_same_bytes(photos)
    copy = (photos["key"] != first) & first.notna()
    verdict = np.select(
        [
            photos["status"].isna(),
            photos["status"] == "broken",
            scores >= params.min_score,
            copy,
        ],
        ["other_category", "broken", "person", "exact_copy"],
        default="kept",
    )
    return photos[["key", "path", "category"]].assign(
        verdict=verdict, person_score=scores, copy_of=first.where(verdict == "exact_copy", "")
    )


def _require_some_kept(verdicts: pd.DataFrame, params: FilterPeopleParams) -> None:
    counts = verdicts["verdict"].value_counts().to_dict()
    if "kept" not in counts:
        raise ValueError(
            f"no photo is left of {len(verdicts)}: {counts}. Where `person` dropped them, raise "
            f"params.yaml filter_people.min_score ({params.min_score}) or min_box_area "
            f"({params.min_box_area}); where `other_category` did, widen filter_categories"
        )


def near_groups(kept: pd.DataFrame, params: FilterPeopleParams) -> list[str]:
    """For each kept photo the key of its group's first member."""
    positions = group_near_copies(list(kept["perceptual_hash"]), params.near_copy_bits).groups
    return [kept["key"].iloc[position] for position in positions]


def funnel(verdicts: pd.DataFrame, groups: list[str], split: list[str]) -> dict[str, Any]:
    """Counts: photos in = kept + dropped by reason, and what the split did with the kept."""
    counts = verdicts["verdict"].value_counts()
    by_verdict = {name: int(counts.get(name, 0)) for name in VERDICTS}
    assert sum(by_verdict.values()) == len(verdicts), "photos in = photos out + dropped"
    by_split = pd.Series(split).value_counts()
    return {
        "photos": len(verdicts),
        **by_verdict,
        "near_copies": len(groups) - len(set(groups)),
        "split": {name: int(by_split.get(name, 0)) for name in ("train", "val", "test")},
    }


def write_thresholds(photos: pd.DataFrame, folder: Path, params: FilterPeopleParams) -> None:
    """grid.csv (kept by category, score and box area) and the curves through the thresholds."""
    fresh_folder(folder)
    grid = kept_by_threshold(
        photos,
        known_scores(person_boxes(photos), params.min_score),
        known_areas(params.min_box_area),
    )
    grid.to_csv(folder / "grid.csv", index=False)
    for name, table in curves(grid, params.min_score, params.min_box_area):
        table.to_csv(folder / f"{name}.csv", index=False)


def write_people_filter(photos: pd.DataFrame, data: Path, params: FilterPeopleParams) -> None:
    """people_filter.json at the thresholds, people_filter.csv through all scores.

    Only the source of painted photos knows who is in them; without its table there is nothing to
    measure, and both files say so.
    """
    truth_path, out = data / "download" / "lists" / "truth.parquet", data / "filter_people"
    sums = {}
    truth = pd.DataFrame({"path": [], "people": []}, dtype=object)
    if truth_path.is_file():
        truth = manifests.read(truth_path)
        people_path = data / "detect_people" / "people.parquet"
        sums = {"truth_sha256": sha256_of(truth_path), "people_sha256": sha256_of(people_path)}
    known = labelled(photos, truth, params.min_box_area)
    measured = figures(known, params.min_score) | sums
    (out / "people_filter.json").write_text(json.dumps(measured, indent=2) + "\n")
    min_scores = known_scores(person_boxes(photos), params.min_score) if len(known) else []
    curve(known, min_scores).to_csv(out / "people_filter.csv", index=False)


def _beside_thresholds(
    photos: pd.DataFrame, verdicts: pd.DataFrame, params: FilterPeopleParams
) -> pd.DataFrame:
    """`photos` with what the contact sheets choose by."""
    areas = largest_areas(person_boxes(photos), len(photos), params.min_score)
    return photos.assign(
        verdict=verdicts["verdict"], person_score=verdicts["person_score"], person_area=areas
    )
