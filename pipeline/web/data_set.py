"""What the page shows of the data set: categories, verdicts, photos with their boxes.

Reads a table or a photo here and there, wherever the line has come to.
"""

import math
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as compute
from PIL import Image

from pipeline.people_filter.contact_sheet import thumbnail
from pipeline.photos import photo_tables
from pipeline.photos.decoding import BrokenPhotoError, decode
from pipeline.photos.photo_bytes import read_photo_at
from pipeline.report.funnel import RARE, REASONS, Drop
from pipeline.runtime.photo_archive import noted_archive

ALL = "all"
# Verdict -> what the page calls it.
VERDICTS = {"kept": "kept", **REASONS}
PAGE = 24  # photos that are shown at once
NO_SPLIT = "none"  # of a photo that was dropped
SPLITS = ("train", "val", "test", NO_SPLIT)


class Category(NamedTuple):
    name: str
    photos: int  # that were looked at
    kept: int


class Filters(NamedTuple):
    """Which photos are shown; `all` means any."""

    category: str = ALL
    verdict: str = ALL
    split: str = ALL
    least_score: float = 0.0  # of the best person box that counts


class Found(NamedTuple):
    """Photos of one page, and of how many pages and photos it is one."""

    keys: list[str]
    scores: list[float]
    page: int  # from 1
    num_pages: int
    num_photos: int


class Counts(NamedTuple):
    """`verdicts` are (verdict, what it is called, photos), without those of no photo."""

    photos: int
    kept: int
    drops: list[tuple[str, Drop]]  # by their verdicts
    verdicts: list[tuple[str, str, int]]
    categories: list[Category]  # the largest first
    largest: int  # photos of the largest category


class Shown(NamedTuple):
    """One photo of the browser."""

    key: str
    picture: Image.Image


def counts(data: Path) -> Counts:
    """Raises ValueError where no photo has been judged yet: it names the stage to run."""
    table = _verdicts(data)
    number = table["verdict"].value_counts()
    drops: list[tuple[str, Drop]] = []
    left = len(table)
    for verdict, reason in REASONS.items():
        dropped = int(number.get(verdict, 0))
        if not dropped and verdict in RARE:
            continue
        left -= dropped
        share = max(len(table), 1)
        drops.append((verdict, Drop(reason, dropped, left, left / share, dropped / share)))
    found = _categories(table)
    return Counts(
        photos=len(table),
        kept=left,
        drops=drops,
        verdicts=[
            (name, title, int(number[name])) for name, title in VERDICTS.items() if name in number
        ],
        categories=found,
        largest=max((each.photos for each in found), default=1),
    )


def _verdicts(data: Path) -> pd.DataFrame:
    """key, category and verdict of every photo."""
    path = data / "filter_people" / "verdicts.parquet"
    return photo_tables.read(path, columns=["key", "category", "verdict"])


def _categories(table: pd.DataFrame) -> list[Category]:
    looked_at = table[table["verdict"] != "other_category"]
    photos = looked_at["category"].value_counts()
    kept = looked_at["category"][looked_at["verdict"] == "kept"].value_counts()
    found = [
        Category(str(name), int(photos[name]), int(kept.get(name, 0))) for name in photos.index
    ]
    return sorted(found, key=lambda each: (-each.photos, each.name))


def matching(data: Path, filters: Filters, page: int) -> Found:
    """The photos of a page, those with the highest person score first.

    A `page` beyond the last is the last one.
    """
    path = data / "filter_people" / "verdicts.parquet"
    table = photo_tables.read(path, columns=["key", "category", "verdict", "person_score"])
    for column in ("category", "verdict"):
        if (wanted := getattr(filters, column)) != ALL:
            table = table[table[column] == wanted]
    table = table[table["person_score"].fillna(0) >= filters.least_score]
    if filters.split != ALL:
        splits = photo_tables.read(data / "filter_people" / "splits.parquet")
        is_dropped = filters.split == NO_SPLIT
        chosen = splits["key"] if is_dropped else splits["key"][splits["split"] == filters.split]
        # Arrow's, which takes a tenth of the time of pandas'.
        is_in = compute.is_in(pa.array(table["key"], pa.string()), pa.array(chosen, pa.string()))
        table = table[np.asarray(is_in) != is_dropped]
    table = table.sort_values(["person_score", "key"], ascending=[False, True])
    num_pages = max(1, math.ceil(len(table) / PAGE))
    page = min(max(1, page), num_pages)
    rows = table.iloc[(page - 1) * PAGE : page * PAGE]
    scores = rows["person_score"].fillna(0).tolist()
    return Found(rows["key"].tolist(), scores, page, num_pages, len(table))


def any_of(data: Path, filters: Filters) -> str | None:
    """The key of one of them at random; None where there is none."""
    num_pages = matching(data, filters, 1).num_pages
    keys = matching(data, filters, random.randint(1, num_pages)).keys
    return random.choice(keys) if keys else None


def shown(keys: list[str], data: Path) -> list[Shown]:
    """The photos with their person boxes, small; a broken one is a grey square."""
    places = _rows(data / "index" / "index.parquet", keys, ["offset", "size", "crc32"])
    people = _rows(
        data / "detect_people" / "people.parquet", keys, ["scores", "boxes", "height", "width"]
    )
    with noted_archive(data).open("rb") as file:
        return [
            Shown(
                key,
                _thumbnail(
                    read_photo_at(
                        file, places[key]["offset"], places[key]["size"], places[key]["crc32"]
                    ),
                    people.get(key),
                ),
            )
            for key in keys
        ]


def _rows(path: Path, keys: list[str], columns: list[str]) -> dict[str, Any]:
    """key -> row, of those `keys` that the table at `path` has; nothing where there is none."""
    if not path.is_file():
        return {}
    table = photo_tables.arrow_table(path, ["key", *columns], [("key", "in", keys)]).to_pandas()
    return {row["key"]: row for row in table.to_dict("records")}


def _thumbnail(content: bytes, person: Any) -> Image.Image:
    try:
        photo = decode(content)
    except BrokenPhotoError:
        return Image.new("RGB", (160, 160), "#8a8f94")
    boxes = np.zeros((0, 4)) if person is None else np.reshape(person["boxes"], (-1, 4))
    if len(boxes):
        boxes = boxes * (photo.width / person["width"])  # a very large photo comes scaled down
    scores = [] if person is None else list(person["scores"])
    return thumbnail(photo, scores, boxes, [True] * len(boxes))
