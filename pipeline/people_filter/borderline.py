"""Contact sheets of photos near a threshold, so that a person can judge the thresholds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.people_filter.contact_sheet import COLUMNS, thumbnail, write_sheet
from pipeline.people_filter.large_people import square_areas
from pipeline.photos import photo_tables
from pipeline.photos.decoding import decode
from pipeline.photos.photo_bytes import read_photo_at
from pipeline.runtime.photo_archive import PhotoArchive

# Sheet -> what it shows.
# Titles stand in pipeline/report/titles.py.
SHEETS = ("kept", "kept_small", "dropped", "dropped_small", "damaged", "flat", "groups", "leaks")


def borderline_photos(photos: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Sheet and its photos, the nearest to a threshold first.

    `photos` has verdict, contrast, person_score (of boxes large enough) and person_area (of boxes
    whose score is high enough).
    """
    kept, dropped = (photos[photos["verdict"] == name] for name in ("kept", "person"))
    with_box, with_small = kept[kept["person_score"] > 0], kept[kept["person_area"] > 0]
    yield "kept", with_box.sort_values("person_score", ascending=False, kind="stable")
    yield "kept_small", with_small.sort_values("person_area", ascending=False, kind="stable")
    yield "dropped", dropped.sort_values("person_score", kind="stable")
    yield "dropped_small", dropped.sort_values("person_area", kind="stable")
    yield "damaged", photos[photos["verdict"] == "damaged"]
    flat = photos[photos["verdict"] == "flat"]
    yield "flat", flat.sort_values("contrast", ascending=False, kind="stable")


def shown_on_sheets(verdicts: pd.DataFrame, num_each: int) -> np.ndarray:
    """Labels of the `num_each` first of each of those sheets, sorted; `verdicts` as above."""
    heads = (rows.index[:num_each] for _, rows in borderline_photos(verdicts))
    return np.unique(np.concatenate([head.to_numpy() for head in heads]))


def write_sheets(
    archive: PhotoArchive,
    photos: pd.DataFrame,
    leaks: pd.DataFrame,
    groups: pd.DataFrame,
    folder: Path,
    *,
    min_score: float,
    min_box_area: float,
    num_each: int,
) -> pd.DataFrame:
    """Writes `<sheet>.jpg` into `folder`; returns sheet, row, column and key of each photo.

    `photos` as for `borderline_photos`, with key, offset, size, crc32, scores and boxes too;
    `leaks` has key and other_key, which stand side by side; `groups` has key, in the order of the
    sheet.
    """
    sheets = {name: rows.head(num_each) for name, rows in borderline_photos(photos)}
    by_key = photos.set_index("key", drop=False)
    sheets["groups"] = by_key.loc[groups["key"].head(num_each)]
    pairs = leaks.head(num_each // 2)[["key", "other_key"]].to_numpy().ravel()
    sheets["leaks"] = by_key.loc[pairs]
    places = []
    with archive.open("rb") as file:
        for name, rows in sheets.items():
            thumbnails = []
            for photo in photo_tables.rows(rows):
                boxes, scores = np.reshape(photo.boxes, (-1, 4)), np.asarray(photo.scores)
                areas = square_areas(boxes, photo.height, photo.width)
                counted = (scores >= min_score) & (areas >= min_box_area)
                image = decode(read_photo_at(file, photo.offset, photo.size, photo.crc32))
                # A very large photo comes scaled down.
                boxes = boxes * (image.width / photo.width)
                thumbnails.append(thumbnail(image, photo.scores, boxes, counted.tolist()))
            write_sheet(thumbnails, folder / f"{name}.jpg")
            for number, key in enumerate(rows["key"]):
                row, column = divmod(number, COLUMNS)
                places.append({"sheet": name, "row": row, "column": column, "key": key})
    return pd.DataFrame(places, columns=["sheet", "row", "column", "key"])
