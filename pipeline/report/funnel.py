"""From all photos to those that the shards hold, and why the others were dropped."""

from pathlib import Path
from typing import NamedTuple

from pipeline.report.tables import data_uri, read_json, read_table, records
from pipeline.report.titles import SHEETS

# Verdict -> why, in the order in which a photo is judged.
REASONS = {
    "other_category": "other category",
    "broken": "broken",
    "unreadable_mode": "values of unknown meaning",
    "damaged": "damaged",
    "transparent": "transparent",
    "flat": "nearly of one colour",
    "person": "person",
    "exact_copy": "copy, byte for byte",
    "near_copy": "near copy",
}
# Told only where there is any.
RARE = ("unreadable_mode", "damaged", "transparent", "flat", "near_copy")
# What was done to the colours of kept photos, where it was.
CONVERSIONS = {
    "profile": "had colours of another space, which became sRGB",
    "bad_profile": "had a colour profile that nothing could read, and count as sRGB",
    "deep": "had more than 8 bits",
    "transparent": "had transparent parts, which were laid on white",
}
TOO_SMALL = "too small"
SPLITS = ("train", "val", "test")


class Drop(NamedTuple):
    """Photos dropped for one reason, and those that are left after it."""

    reason: str
    dropped: int
    left: int
    left_share: float  # of all photos
    dropped_share: float


class Sheet(NamedTuple):
    title: str
    uri: str


class Group(NamedTuple):
    """Near copies; `path` is that of the first."""

    path: str
    photos: int
    kept: int
    categories: int


class Funnel(NamedTuple):
    photos: int
    drops: list[Drop]
    kept: int
    split: dict[str, int]
    near_copies: int
    leaks: dict[str, int]
    converted: dict[str, int]  # kept photos, by what was done to their colours
    groups: list[Group]
    in_other_categories: int  # dropped photos whose bytes lie in another category too
    skipped: dict[str, int]  # entries of the archive that were no photo to begin with


def read_funnel(data: Path) -> Funnel:
    """Counts in = counts out + dropped by reason, or the outs are of different runs."""
    counts = read_json(data / "filter_people" / "funnel.json")
    scaled = read_json(data / "downscale" / "funnel.json")
    index = read_json(data / "index" / "funnel.json")
    reasons = {
        why: counts[name] for name, why in REASONS.items() if counts[name] or name not in RARE
    }
    reasons[TOO_SMALL] = scaled.get("too_small", 0)
    photos, left, drops = counts["photos"], counts["photos"], []
    for why, dropped in reasons.items():
        left -= dropped
        share = max(photos, 1)
        drops.append(Drop(why, dropped, left, left / share, dropped / share))
    if left != scaled["ok"]:
        raise ValueError(
            f"{data}/filter_people/funnel.json leaves {left} photos, but "
            f"{data}/downscale/funnel.json has {scaled['ok']}: run `dvc repro`"
        )
    samples = read_json(data / "crop" / "meta.json")["num_samples"]
    return Funnel(
        photos,
        drops,
        left,
        {name: samples[name] for name in SPLITS},
        counts["near_copies"],
        counts["leaks"],
        {title: num for name, title in CONVERSIONS.items() if (num := counts["converted"][name])},
        [
            Group(row["path"], row["photos"], row["kept"], row["categories"])
            for row in records(read_table(data / "filter_people" / "groups.csv"))
        ],
        counts["in_other_categories"],
        {name.replace("_", " "): num for name, num in index.items() if name != "photos" and num},
    )


def read_sheets(data: Path) -> list[Sheet]:
    """The contact sheets that show any photo."""
    folder = data / "filter_people"
    places = (folder / "sheets.csv").read_text().splitlines()[1:]
    filled = {line.split(",", 1)[0] for line in places}
    return [
        Sheet(title, data_uri(folder / "sheets" / f"{name}.jpg"))
        for name, title in SHEETS.items()
        if name in filled
    ]
