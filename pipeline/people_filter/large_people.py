"""Large people count at a lower score than small ones.

What a detector takes for a small person is often a rock or a post; a large box that it doubts is
mostly a person after all, of whom a part is hidden or in shadow. So the score of a large box is
raised, and one threshold decides about all of them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.params.filter_people import FilterPeopleParams

DIGITS = 4  # of a score


def square_areas(boxes: np.ndarray, heights: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """(N,): what part of the square of the photo's short side each box (N, 4) takes.

    That is the size of what `downscale` keeps; in a long photo a box may take more than all of it.
    """
    areas: np.ndarray = boxes[:, 2] * boxes[:, 3] / np.minimum(heights, widths) ** 2.0
    return areas


def raised_scores(
    scores: Sequence[float],
    boxes: Sequence[float],
    size: tuple[int, int],
    params: FilterPeopleParams,
) -> np.ndarray:
    """(N,): the scores as thresholds see them, at most 1.

    `boxes` are top, left, height, width in px, one after another, of a photo of `size` (height,
    width).
    """
    sides = np.reshape(boxes, (-1, 4))
    is_large = square_areas(sides, *map(np.asarray, size)) >= params.large_box_area
    raised = np.asarray(scores, np.float64) + np.where(is_large, params.large_box_bonus, 0)
    return np.asarray(np.minimum(raised, 1).round(DIGITS))


def with_raised_scores(photos: pd.DataFrame, params: FilterPeopleParams) -> pd.DataFrame:
    """`photos` with scores, boxes, height and width; missing ones stay missing."""
    if params.large_box_bonus == 0:
        return photos
    columns = photos[["scores", "boxes", "height", "width"]].itertuples(index=False)
    raised = [
        raised_scores(each.scores, each.boxes, (each.height, each.width), params)
        if isinstance(each.scores, np.ndarray | list)
        else None
        for each in columns
    ]
    return photos.assign(scores=pd.Series(raised, photos.index, dtype=object))
