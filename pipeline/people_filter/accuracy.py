"""How well the people filter does, where it is known who is in the photos.

Photos are what is counted: the filter drops whole ones. A photo with people is found when its best
person score reaches the threshold; one without people that reaches it is a false alarm. Intervals
are Wilson's, 95 %.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.metrics.intervals import wilson
from pipeline.people_filter.thresholds import best_scores, person_boxes

SHORT_SIDE = 256  # px, Places365's small images: heights of people are told for that size
# px; COCO's bounds of small and large objects, there the roots of areas.
SIZES = {"small": (0, 32), "medium": (32, 96), "large": (96, SHORT_SIDE * 100)}
SHARES = ("precision", "recall", "false_alarms")
CURVE_COLUMNS = ["min_score", "found", "lost_without_people"]
CURVE_COLUMNS += [f"{name}{end}" for name in SHARES for end in ("", "_low", "_high")]
DIGITS = 4


def labelled(
    photos: Iterable[pd.DataFrame], truth: pd.DataFrame, min_box_area: float
) -> pd.DataFrame:
    """score, person_height of each photo that is in both tables, whole, and no exact copy.

    `photos`, in pieces, as in pipeline/people_filter/thresholds.py with `path` and `is_copy`;
    `truth` has `path` and `people`, boxes [top, left, height, width] in px of the photo.
    `person_height` is that of the tallest person in px of a photo with a short side of
    SHORT_SIDE, 0 where there is none.
    """
    people = truth[["path", "people"]]
    known = [_labelled_piece(piece, people, min_box_area) for piece in photos]
    return pd.concat(known, ignore_index=True)


def _labelled_piece(
    photos: pd.DataFrame, people: pd.DataFrame, min_box_area: float
) -> pd.DataFrame:
    photos = photos[(photos["status"] == "ok") & ~photos["is_copy"]]
    both = photos.merge(people, on="path", how="inner", validate="one_to_one")
    tallest = [max((box[2] for box in boxes), default=0) for boxes in both["people"]]
    scale = SHORT_SIDE / both[["height", "width"]].min(axis=1)
    return pd.DataFrame(
        {
            "score": best_scores(person_boxes(both), len(both), min_box_area),
            "person_height": np.array(tallest, np.float64) * scale.to_numpy(np.float64),
        }
    )


def curve(photos: pd.DataFrame, min_scores: Sequence[float]) -> pd.DataFrame:
    """CURVE_COLUMNS, a row a threshold: the precision-recall curve with its intervals.

    `photos` as from `labelled`. Precision is empty where no photo reaches the threshold, as is each
    share of nothing.
    """
    rows = []
    for min_score in min_scores:
        row: dict[str, float] = {"min_score": min_score}
        for name, (hits, num) in _counts(photos, min_score).items():
            row |= _share(name, hits, num)
            if name == "recall":
                row["found"] = hits
            elif name == "false_alarms":
                row["lost_without_people"] = hits
        rows.append(row)
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


def figures(photos: pd.DataFrame, min_score: float) -> dict[str, Any]:
    """At the threshold: shares with intervals, recall by the tallest person's height."""
    has_people = photos["person_height"] > 0
    found: dict[str, Any] = {
        "photos_with_truth": len(photos),
        "photos_with_people": int(has_people.sum()),
    }
    if not len(photos):
        return found
    for name, (hits, num) in _counts(photos, min_score).items():
        found |= _known(_share(name, hits, num))
    found["average_precision"] = round(average_precision(photos), DIGITS)
    found["by_height"] = {
        name: {"photos": num, **_known(_share("recall", hits, num))}
        for name, (hits, num) in recall_by_height(photos, min_score).items()
    }
    return found


def recall_by_height(photos: pd.DataFrame, min_score: float) -> dict[str, tuple[int, int]]:
    """SIZES -> photos found, of how many whose tallest person is of that height."""
    heights = photos["person_height"]
    counts = {}
    for name, (low, high) in SIZES.items():
        scores = photos["score"][(heights > low) & (heights <= high)]
        counts[name] = (int((scores >= min_score).sum()), len(scores))
    return counts


def average_precision(photos: pd.DataFrame) -> float:
    """Precision averaged over the recalls that the scores can reach; 0 where nobody is to find.

    Photos of score 0 are never dropped: what is not found there is lost.
    """
    ranked = photos[photos["score"] > 0].groupby("score")["person_height"]
    people = ranked.agg(lambda heights: int((heights > 0).sum())).sort_index(ascending=False)
    hits, flagged = people.cumsum(), ranked.size().sort_index(ascending=False).cumsum()
    num_people = int((photos["person_height"] > 0).sum())
    return float((hits / flagged * people).sum() / num_people) if num_people else 0.0


def _counts(photos: pd.DataFrame, min_score: float) -> dict[str, tuple[int, int]]:
    """SHARES -> hits, of how many."""
    has_people = photos["person_height"] > 0
    dropped = photos["score"] >= min_score
    found = int((dropped & has_people).sum())
    return {
        "precision": (found, int(dropped.sum())),
        "recall": (found, int(has_people.sum())),
        "false_alarms": (int((dropped & ~has_people).sum()), int((~has_people).sum())),
    }


def _share(name: str, hits: int, num: int) -> dict[str, float]:
    """nan where there is nothing to take a share of."""
    low, high = wilson(hits, num) if num else (float("nan"), float("nan"))
    values = {"": hits / num if num else float("nan"), "_low": low, "_high": high}
    return {f"{name}{end}": round(value, DIGITS) for end, value in values.items()}


def _known(shares: dict[str, float]) -> dict[str, float]:
    """Without nan, which is no JSON."""
    return {name: value for name, value in shares.items() if value == value}
