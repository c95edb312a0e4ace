"""What which thresholds keep, from the scores that are stored: no photo is looked at again."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MIN_SCORES = tuple(round(0.05 * number, 2) for number in range(1, 20))
MIN_BOX_AREAS = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


class PersonBoxes(NamedTuple):
    """All person boxes of a table of photos, one after another."""

    photo: np.ndarray  # (N,) position in the table
    score: np.ndarray  # (N,)
    area: np.ndarray  # (N,) fraction of the photo

    @property
    def lowest_score(self) -> float:
        """Below it, nothing is known; 0 where no box was found."""
        return float(self.score.min()) if len(self.score) else 0.0


def person_boxes(photos: pd.DataFrame) -> PersonBoxes:
    """`photos` has status, height, width, scores and boxes; only whole photos have boxes."""
    positions = np.flatnonzero(photos["status"] == "ok")
    whole = photos.iloc[positions]
    counts = whole["scores"].map(len).to_numpy(dtype=np.int64)
    boxes = _concatenated(whole["boxes"]).reshape(-1, 4)
    pixels = (whole["height"] * whole["width"]).to_numpy(dtype=np.float64)
    return PersonBoxes(
        photo=np.repeat(positions, counts),
        score=_concatenated(whole["scores"]),
        area=boxes[:, 2] * boxes[:, 3] / np.repeat(pixels, counts),
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


def first_of_same_bytes(photos: pd.DataFrame) -> "pd.Series[str]":
    """The key of the first photo with the same bytes; nan for a photo that was not looked at."""
    return photos.groupby("sha256", sort=False)["key"].transform("first")


def kept_by_threshold(
    photos: pd.DataFrame, min_scores: Sequence[float], min_box_areas: Sequence[float]
) -> pd.DataFrame:
    """category, min_score, min_box_area, photos, kept: a row for each combination.

    Of `photos` those count that are whole and no exact copies: what thresholds decide about.
    """
    photos = photos[(photos["status"] == "ok") & (photos["key"] == first_of_same_bytes(photos))]
    boxes = person_boxes(photos)
    codes, categories = pd.factorize(photos["category"], sort=True)
    totals = np.bincount(codes, minlength=len(categories))
    tables = []
    for min_box_area in min_box_areas:
        best = best_scores(boxes, len(photos), min_box_area)
        for min_score in min_scores:
            kept = np.bincount(codes[best < min_score], minlength=len(categories))
            tables.append(
                pd.DataFrame(
                    {
                        "category": categories,
                        "min_score": min_score,
                        "min_box_area": min_box_area,
                        "photos": totals,
                        "kept": kept,
                    }
                )
            )
    return pd.concat(tables, ignore_index=True).sort_values(
        ["category", "min_score", "min_box_area"], ignore_index=True
    )


def known_scores(boxes: PersonBoxes, current: float) -> list[float]:
    """The grid's scores from the lowest one found on, and the current threshold."""
    known = {score for score in MIN_SCORES if score >= boxes.lowest_score}
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
