import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.people_filter.borderline import SHEETS, borderline_photos, write_sheets
from pipeline.people_filter.contact_sheet import THUMBNAIL, thumbnail
from pipeline.photos.headers import members
from support.pictures import encoded, picture

Row = dict[str, Any]


def photo(key: str, verdict: str, score: float, area: float) -> Row:
    """A photo of 256x256 px with one box."""
    side = 256 * area**0.5
    return {
        "key": key,
        "verdict": verdict,
        "contrast": score,
        "height": 256,
        "width": 256,
        "scores": [score],
        "boxes": [10.0, 10.0, side, side],
        "person_score": score if area >= 0.01 else 0.0,
        "person_area": area if score >= 0.4 else 0.0,
    }


PHOTOS = [
    photo("nearly", "kept", 0.39, 0.2),
    photo("hardly", "person", 0.41, 0.3),
    photo("unlikely", "kept", 0.1, 0.2),
    photo("small", "kept", 0.9, 0.0099),
    photo("smaller", "kept", 0.9, 0.001),
    photo("plain", "person", 0.95, 0.011),
    photo("grey", "damaged", 0.2, 0.001),
    photo("black", "flat", 0.1, 0.001),
    photo("dark", "flat", 0.3, 0.001),
]
ORDERS = {
    "kept": ["nearly", "unlikely"],
    "kept_small": ["small", "smaller"],
    "dropped": ["hardly", "plain"],
    "dropped_small": ["plain", "hardly"],
    "damaged": ["grey"],
    "flat": ["dark", "black"],
}


def test_the_nearest_to_a_threshold_come_first() -> None:
    found = {name: list(rows["key"]) for name, rows in borderline_photos(pd.DataFrame(PHOTOS))}
    assert found == ORDERS


def test_sheets_show_what_their_list_says(
    tmp_path: Path, write_tar: Callable[[Path, dict[str, bytes]], None]
) -> None:
    archive = tmp_path / "photos.tar"
    write_tar(archive, {row["key"]: encoded(picture(n), "png") for n, row in enumerate(PHOTOS)})
    places = {member.name: member for member in members(archive)}
    photos = pd.DataFrame(PHOTOS)
    photos["offset"] = [places[key].offset for key in photos["key"]]
    photos["size"] = [places[key].size for key in photos["key"]]
    contents = archive.read_bytes()
    ends = photos["offset"] + photos["size"]
    photos["crc32"] = [
        zlib.crc32(contents[start:end]) for start, end in zip(photos["offset"], ends, strict=True)
    ]
    leaks = pd.DataFrame({"key": ["small"], "other_key": ["plain"]})
    groups = pd.DataFrame({"key": ["grey", "nearly", "dark"]})
    listed = write_sheets(
        archive, photos, leaks, groups, tmp_path, min_score=0.4, min_box_area=0.01, num_each=2
    )
    by_sheet = {name: list(rows["key"]) for name, rows in listed.groupby("sheet")}
    assert by_sheet == ORDERS | {"groups": ["grey", "nearly"], "leaks": ["small", "plain"]}
    assert set(by_sheet) == set(SHEETS)
    for name in SHEETS:
        sheet = np.asarray(Image.open(tmp_path / f"{name}.jpg")).astype(int)
        for row in listed[listed["sheet"] == name].itertuples():
            top, left = row.row * THUMBNAIL, row.column * THUMBNAIL
            shown = sheet[top : top + THUMBNAIL, left : left + THUMBNAIL]
            original = picture(list(photos["key"]).index(row.key)).resize((THUMBNAIL, THUMBNAIL))
            difference = np.abs(shown - np.asarray(original).astype(int)).mean(axis=2)
            assert np.median(difference) < 12, (name, row.key)


def test_boxes_that_count_have_a_color_of_their_own() -> None:
    black = Image.new("RGB", (THUMBNAIL, THUMBNAIL))
    boxes = np.array([[20.0, 20.0, 40.0, 40.0], [90.0, 90.0, 40.0, 40.0]])
    drawn = np.asarray(thumbnail(black, [0.9, 0.2], boxes, [True, False]))
    assert tuple(drawn[20, 40]) == (255, 0, 0)
    assert tuple(drawn[90, 110]) == (255, 255, 0)


def test_an_empty_sheet_is_white(tmp_path: Path) -> None:
    archive = tmp_path / "photos.tar"
    archive.write_bytes(b"")
    none = pd.DataFrame(PHOTOS).assign(offset=0, size=0, crc32=0).head(0)
    pairs = pd.DataFrame({"key": [], "other_key": []})
    listed = write_sheets(
        archive, none, pairs, none, tmp_path, min_score=0.4, min_box_area=0.0, num_each=5
    )
    assert listed.empty
    assert np.asarray(Image.open(io.BytesIO((tmp_path / "leaks.jpg").read_bytes()))).min() > 250
