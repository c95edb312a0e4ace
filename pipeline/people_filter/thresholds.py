"""What which thresholds keep, from the scores that are stored: no photo is looked at again."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.people_filter.large_people import DIGITS, square_areas

MIN_SCORES = tuple(round(0.05 * number, 2) for number in range(1, 20))
MIN_BOX_AREAS = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


class PersonBoxes(NamedTuple):
    """All person boxes of a table of photos, one after another."""

    photo: np.ndarray  # (N,) position in the table
    score: np.ndarray  # (N,)
    area: np.ndarray  # (N,) fraction of the square of the photo's short side


def person_boxes(photos: pd.DataFrame) -> PersonBoxes:
    """`photos` has status, height, width, scores and boxes; only whole photos have boxes."""
    positions = np.flatnonzero(photos["status"] == "ok")
    whole = photos.iloc[positions]
    counts = whole["scores"].map(len).to_numpy(dtype=np.int64)
    boxes = _concatenated(whole["boxes"]).reshape(-1, 4)
    sizes = (np.repeat(whole[side].to_numpy(np.float64), counts) for side in ("height", "width"))
    return PersonBoxes(
        photo=np.repeat(positions, counts),
        score=_concatenated(whole["scores"]),
        area=square_areas(boxes, *sizes),
    )


def _concatenated(lists: "pd.Series[Any]") -> np.ndarray:
    return np.concatenate([np.empty(0), *lists])


def best_scores(boxes: PersonBoxes, num_photos: int, min_box_area: float) -> np.ndarray:
    """(num_photos,): the best score of a box that is large enough, 0 without one."""
    return _maxima(boxes.photo, boxes.score, boxes.area >= min_box_area, num_photos)


def largest_areas(boxes: PersonBoxes, num_photos: int, min_score: float) -> np.ndarray:
    """(num_photos,): the largest box whose score is high enough, 0 without one."""
    return _maxima(boxes.photo, boxes.area, boxes.score >= min_score, num_photos)


def _maxima(
    photo: np.ndarray, values: np.ndarray, counted: np.ndarray, num_photos: int
) -> np.ndarray:
    best = np.zeros(num_photos)
    np.maximum.at(best, photo[counted], values[counted])
    return best


def first_of_same_bytes(sums: Iterable["pd.Series[str]"]) -> np.ndarray:
    """(N,): for each photo the position of the first one with the same sha256.

    A photo that was not looked at has no sum, and is its own first.
    """
    digests = np.concatenate([_digests(some) for some in sums])
    _, first, place = np.unique(digests, return_index=True, return_inverse=True)
    return np.where(digests == _NO_SUM, np.arange(len(digests)), first[place])


def _digests(sums: "pd.Series[str]") -> np.ndarray:
    """As bytes, since the hex digits of a million photos would take twice as much."""
    return np.frombuffer(bytes.fromhex("".join(sums.fillna(_NO_SUM.hex()))), dtype="S32")


_NO_SUM = bytes(32)


def kept_by_threshold(
    photos: Iterable[pd.DataFrame], min_scores: Sequence[float], min_box_areas: Sequence[float]
) -> pd.DataFrame:
    """category, min_score, min_box_area, photos, kept: a row for each combination.

    Of `photos`, which come in pieces, those count that are whole and no exact copies (is_copy):
    what thresholds decide about.
    """
    grid = pd.DataFrame()
    for piece in photos:
        more = _grid_of_piece(piece, min_scores, min_box_areas)
        grid = pd.concat([grid, more]).groupby(level=list(_GRID), sort=True).sum()
    return grid.reset_index()


_GRID = ("category", "min_score", "min_box_area")


def _grid_of_piece(
    photos: pd.DataFrame, min_scores: Sequence[float], min_box_areas: Sequence[float]
) -> pd.DataFrame:
    """photos and kept, labelled with category, min_score and min_box_area."""
    photos = photos[(photos["status"] == "ok") & ~photos["is_copy"]]
    boxes = person_boxes(photos)
    codes, categories = pd.factorize(photos["category"])
    kept = np.empty((len(categories), len(min_scores), len(min_box_areas)), dtype=np.int64)
    for column, min_box_area in enumerate(min_box_areas):
        best = best_scores(boxes, len(photos), min_box_area)
        for row, min_score in enumerate(min_scores):
            kept[:, row, column] = np.bincount(codes[best < min_score], minlength=len(categories))
    totals = np.bincount(codes, minlength=len(categories))
    photos_each = np.repeat(totals, len(min_scores) * len(min_box_areas))
    labels = pd.MultiIndex.from_product([categories, min_scores, min_box_areas], names=_GRID)
    return pd.DataFrame({"photos": photos_each, "kept": kept.ravel()}, index=labels)


def known_scores(people: Iterable[pd.DataFrame], current: float, bonus: float) -> list[float]:
    """The grid's scores from the lowest one in `people` and `bonus` on, and the current threshold.

    Below the lowest score nothing is known, and a large box may have been raised by `bonus`.
    """
    found = (_concatenated(piece["scores"].dropna()) for piece in people)
    lowest = min((scores.min() for scores in found if len(scores)), default=0.0)
    # 0.1 + 0.2 is a little more than 0.3.
    known = {score for score in MIN_SCORES if score >= round(lowest + bonus, DIGITS)}
    return sorted(known | {current})


def known_areas(current: float) -> list[float]:
    """The grid's box areas and the current threshold."""
    return sorted({*MIN_BOX_AREAS, current})


def shares(grid: pd.DataFrame, by: str) -> pd.DataFrame:
    """`by`, photos, kept and kept_share, the other columns of `grid` summed over."""
    sums = grid.groupby(by, sort=True)[["photos", "kept"]].sum().reset_index()
    return sums.assign(kept_share=(sums["kept"] / sums["photos"]).round(4))


def curves(
    grid: pd.DataFrame, min_score: float, min_box_area: float
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and table of what is plotted: one threshold moves and the other stays as it is."""
    at_score, at_area = grid["min_score"] == min_score, grid["min_box_area"] == min_box_area
    yield "kept_by_min_score", shares(grid[at_area], "min_score")
    yield "kept_by_min_box_area", shares(grid[at_score], "min_box_area")
    yield "kept_by_category", shares(grid[at_score & at_area], "category")
