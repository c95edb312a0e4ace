"""Images to zoom into: test photos as each method completed them, and the extremes."""

from pathlib import Path
from typing import NamedTuple

from pipeline.photos import photo_tables
from pipeline.report.tables import Record, data_uri, read_table, records
from pipeline.report.titles import MASKED, MODEL, ORIGINAL, method_title, metric

SCORES = ("hole_psnr", "hole_ssim")


class Image(NamedTuple):
    method: str
    title: str
    uri: str
    note: str  # its scores


class Photo(NamedTuple):
    key: str
    category: str
    images: list[Image]


class Rank(NamedTuple):
    """The worst, median or best photos; (key, difference) of each, in the grid's order."""

    name: str
    photos: list[tuple[str, str]]


class Against(NamedTuple):
    """The model's extremes against one method."""

    method: str
    title: str
    uri: str
    ranks: list[Rank]


def methods_of(folder: Path, order: list[str]) -> list[str]:
    """The images there are of a photo: the hole, the original, the model, then by `order`."""
    there = {path.stem for path in folder.glob("*.png")}
    for needed in (MASKED, MODEL, ORIGINAL):
        if needed not in there:
            raise ValueError(f"{folder}/{needed}.png is missing: run `dvc repro evaluate` again")
    others = there - {MASKED, MODEL, ORIGINAL}
    known = [name for name in order if name in others]
    return [MASKED, ORIGINAL, MODEL, *known, *sorted(others - set(known))]


def read_gallery(data: Path, order: list[str]) -> list[Photo]:
    """The photos of the grid; `order` are the methods, the best first."""
    folder = data / "evaluate" / "pictures"
    table = photo_tables.read(data / "evaluate" / "per_image.parquet")
    scores = {(row["key"], row["method"]): row for row in records(table)}
    photos = []
    for photo in sorted(path for path in folder.glob("*") if path.is_dir()):
        images = [
            Image(
                name,
                method_title(name),
                data_uri(photo / f"{name}.png"),
                _note(scores.get((photo.name, name))),
            )
            for name in methods_of(photo, order)
        ]
        category = table[table["key"] == photo.name]["category"]
        photos.append(Photo(photo.name, str(category.iloc[0]), images))
    return photos


def _note(row: Record | None) -> str:
    """The scores; of the hole and the original there are none."""
    if row is None:
        return ""
    measures = [metric(name) for name in SCORES]
    parts = [f"{each.title} {each.text(row[each.name])} {each.unit}".strip() for each in measures]
    return ", ".join(parts)


def read_extremes(data: Path, order: list[str]) -> list[Against]:
    """The worst, median and best photos of the model against each method; `order` as above."""
    table = read_table(data / "evaluate" / "pictures.csv")
    found = [
        Against(
            str(method),
            method_title(str(method)),
            data_uri(data / "evaluate" / "grids" / f"against_{method}.png"),
            [
                Rank(str(rank), [_with_difference(row) for row in records(each)])
                for rank, each in rows.groupby("rank", sort=False)
            ],
        )
        for method, rows in table.groupby("method", sort=False)
    ]
    return sorted(found, key=lambda each: order.index(each.method))


def _with_difference(row: Record) -> tuple[str, str]:
    return row["key"], metric("hole_psnr").signed(row["difference"])
