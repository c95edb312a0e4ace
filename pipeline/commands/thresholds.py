"""What other thresholds would keep, as tables for a terminal."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.params.detect_people import DetectPeopleParams
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.params.section import load
from pipeline.people_filter import quality
from pipeline.people_filter.large_people import with_raised_scores
from pipeline.people_filter.thresholds import first_of_same_bytes, kept_by_threshold, shares
from pipeline.photos import photo_tables

DEFAULT_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
COLUMNS = ["key", *quality.COLUMNS, "height", "width", "scores", "boxes"]


def threshold_table(
    data: Path, min_scores: Sequence[float], min_box_areas: Sequence[float], by_category: bool
) -> str:
    """Kept photos for each score (rows) and box area (columns), or for each category and score.

    Without scores or areas: a grid of scores, the area of params.yaml. The present thresholds are
    always among them, marked *. Raises ValueError for what the stored scores cannot tell.
    """
    params = load("filter_people", FilterPeopleParams)
    floor = load("detect_people", DetectPeopleParams).score_floor + params.large_box_bonus
    words = "detect_people.score_floor + filter_people.large_box_bonus"
    _check(min_scores, "--min-score", floor, f"from {words} ({floor:g}) to 1")
    _check(min_box_areas, "--min-box-area", 0, "from 0 to 1")
    default = [score for score in DEFAULT_SCORES if score >= floor]
    scores = sorted({*(min_scores or default), params.min_score})
    areas = sorted({*min_box_areas, params.min_box_area})
    grid = kept_by_threshold(_photos(data, params), scores, areas)
    if by_category:
        table = _by_category(grid[grid["min_box_area"] == params.min_box_area], params)
    else:
        table = _by_threshold(grid, params)
    console = Console(width=100, file=io.StringIO(), highlight=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()


def _photos(data: Path, params: FilterPeopleParams) -> Iterator[pd.DataFrame]:
    """The photos that were looked at, with their categories, and which are exact copies."""
    people = data / "detect_people" / "people.parquet"
    sums = (piece["sha256"] for piece in photo_tables.read_pieces(people, ["sha256"]))
    first = first_of_same_bytes(sums)
    copies = pd.DataFrame({"is_copy": first != np.arange(len(first))})
    looked_at = photo_tables.beside(photo_tables.read_pieces(people, COLUMNS), copies)
    index = photo_tables.read_pieces(data / "index" / "index.parquet", ["key", "category"])
    for piece in photo_tables.left_join(index, looked_at):
        looked_at_ones = piece[piece["status"].notna()].astype({"is_copy": bool})
        judged = looked_at_ones.assign(status=quality.judged_status(looked_at_ones, params))
        yield with_raised_scores(judged, params)


def _check(values: Sequence[float], option: str, low: float, allowed: str) -> None:
    for value in values:
        if not low <= value <= 1:
            raise ValueError(f"{option} is {value:g}, but must be {allowed}")


def _by_threshold(grid: pd.DataFrame, params: FilterPeopleParams) -> Table:
    photos = int(grid.groupby("category")["photos"].first().sum())
    table = Table(caption=f"of {photos:,} whole photos that are no copies; * as in params.yaml")
    table.add_column("min_score", justify="right")
    for area in sorted(grid["min_box_area"].unique()):
        table.add_column(f"min_box_area {_marked(area, params.min_box_area)}", justify="right")
    for score, rows in grid.groupby("min_score", sort=True):
        kept = shares(rows, "min_box_area")
        cells = [f"{row.kept:,} ({row.kept_share:.1%})" for row in photo_tables.rows(kept)]
        table.add_row(_marked(float(str(score)), params.min_score), *cells)
    return table


def _by_category(grid: pd.DataFrame, params: FilterPeopleParams) -> Table:
    table = Table(caption=f"share kept by min_score, at min_box_area {params.min_box_area:g}")
    table.add_column("category")
    table.add_column("photos", justify="right")
    for score in sorted(grid["min_score"].unique()):
        table.add_column(_marked(score, params.min_score), justify="right")
    for category, rows in grid.groupby("category", sort=True):
        kept = shares(rows, "min_score")
        cells = [f"{share:.0%}" for share in kept["kept_share"]]
        table.add_row(str(category), f"{kept['photos'].iloc[0]:,}", *cells)
    return table


def _marked(value: float, current: float) -> str:
    return f"{value:g}{'*' if value == current else ''}"
