"""Stage: people -> a verdict on every photo, the kept ones, their splits, and the funnel.

Thresholds, duplicates and the split, all decided from tables: seconds, no GPU.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import manifests, splits
from pipeline.contact_sheet import thumbnail, write_sheet
from pipeline.near_copies import group_near_copies
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.params.section import load
from pipeline.photos import decode, read_at
from pipeline.resume import fresh_folder

VERDICTS = ("kept", "other_category", "broken", "person", "exact_copy")


def run(data: Path = Path("data")) -> None:
    """Writes data/filter_people/ verdicts, kept, splits (parquet), funnel.json and sheets/."""
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
    out = data / "filter_people"
    manifests.write(verdicts, out / "verdicts.parquet")
    manifests.write(kept[["key"]], out / "kept.parquet")
    manifests.write(pd.DataFrame({"key": kept["key"], "split": split}), out / "splits.parquet")
    (out / "funnel.json").write_text(json.dumps(funnel(verdicts, groups, split), indent=2) + "\n")
    write_sheets(data / "download" / "photos.tar", photos, verdicts, out / "sheets", params)


def judge(photos: pd.DataFrame, params: FilterPeopleParams) -> pd.DataFrame:
    """key, path, category, verdict, person_score, copy_of for every photo of the index.

    Of photos with the same bytes the first in order of path stays. `person_score` is the best
    score of a box that is large enough, 0 without one.
    """
    scores = [_person_score(photo, params.min_box_area) for photo in manifests.rows(photos)]
    first = photos.groupby("sha256", sort=False)["key"].transform("first")
    copy = (photos["key"] != first) & first.notna()
    verdict = np.select(
        [
            photos["status"].isna(),
            photos["status"] == "broken",
            np.array(scores) >= params.min_score,
            copy,
        ],
        ["other_category", "broken", "person", "exact_copy"],
        default="kept",
    )
    return photos[["key", "path", "category"]].assign(
        verdict=verdict, person_score=scores, copy_of=first.where(verdict == "exact_copy", "")
    )


def _person_score(photo: Any, min_box_area: float) -> float:
    if photo.status != "ok":
        return 0.0
    boxes = np.reshape(photo.boxes, (-1, 4))
    shares = boxes[:, 2] * boxes[:, 3] / (photo.height * photo.width)
    return max(np.asarray(photo.scores)[shares >= min_box_area], default=0.0)


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


def write_sheets(
    archive: Path,
    photos: pd.DataFrame,
    verdicts: pd.DataFrame,
    folder: Path,
    params: FilterPeopleParams,
) -> None:
    """kept.jpg: kept photos that came nearest to a person; dropped.jpg: people hardly seen."""
    fresh_folder(folder)
    photos = photos.assign(verdict=verdicts["verdict"], person_score=verdicts["person_score"])
    kept = photos[(photos["verdict"] == "kept") & (photos["person_score"] > 0)]
    dropped = photos[photos["verdict"] == "person"]
    num_each = params.num_thumbnails // 2
    ranked = {
        "kept": kept.sort_values("person_score", ascending=False, kind="stable"),
        "dropped": dropped.sort_values("person_score", kind="stable"),
    }
    with archive.open("rb") as file:
        for name, rows in ranked.items():
            pictures = [
                thumbnail(
                    decode(read_at(file, photo.offset, photo.size)),
                    photo.scores,
                    np.reshape(photo.boxes, (-1, 4)),
                )
                for photo in manifests.rows(rows.head(num_each))
            ]
            write_sheet(pictures, folder / f"{name}.jpg")
