"""bench/people_filter.py: what is made of the scores; no detector."""

import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.runtime.code_closure import ROOT

sys.path.append(str(ROOT / "bench"))
import people_views  # noqa: E402

import people_filter  # noqa: E402
from people_filter import CONFIDENCES, CURVES, SIZES, Photo, curves_of, heights_table  # noqa: E402

PEOPLE = [Photo(f"p{height}", Path(), "large", float(height)) for height in (20, 60, 200)]
EMPTY = [Photo(f"e{number}", Path(), "everyday") for number in range(4)]
LANDSCAPES = [Photo("far", Path(), "peopled", None), Photo("field", Path(), "empty")]
PHOTOS = PEOPLE + EMPTY + LANDSCAPES


def measured() -> dict[str, dict[str, float]]:
    """Taller people have higher scores, and larger image sizes; one empty photo has 0.3."""
    scores = {}
    for size in SIZES:
        found = {f"p{height}": height / 400 + size / 1280 for height in (20, 60, 200)}
        found |= {f"e{number}": 0.3 * (number == 0) for number in range(4)}
        scores[str(size)] = found | {"far": 0.2, "field": 0.0}
    return scores


def test_recall_by_height_is_that_of_the_scores() -> None:
    lines = heights_table(PHOTOS, measured()).splitlines()
    assert len(lines) == 2 + len(SIZES) * len(CONFIDENCES)
    cells = {tuple(line.split(" | ")[:2]): line.split(" | ") for line in lines[2:]}
    # At 256: 0.25, 0.35 and 0.7
    assert [cell.split(" = ")[0] for cell in cells["| 256", "0.4"][2:5]] == ["0/1", "0/1", "1/1"]
    assert [cell.split(" = ")[0] for cell in cells["| 640", "0.5"][2:5]] == ["1/1", "1/1", "1/1"]
    assert cells["| 256", "0.4"][5] == f"{(1 + 1 + 3 / 4) / 3:.3f}", (
        "a false alarm before the third"
    )


def test_curves_are_of_each_size_and_kind_of_photos() -> None:
    tables = list(curves_of(PHOTOS, measured()))
    assert len(tables) == len(SIZES) * len(CURVES)
    everyday = tables[0].set_index("min_score")
    assert everyday["found"][0.25] == 3 and everyday["lost_without_people"][0.25] == 1
    landscapes = tables[1].set_index("min_score")
    assert landscapes["recall"][0.2] == 1 and landscapes["recall"][0.21] == 0
    assert landscapes["lost_without_people"].max() == 0


def test_scores_are_kept_after_each_size_and_looked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    class Nobody:
        def __init__(self, size: int) -> None:
            self.size = size

        def detect(self, images: list[np.ndarray]) -> list[list[object]]:
            asked.append(self.size)
            return [[] for _ in images]

    monkeypatch.setattr(people_filter, "detector_of", lambda weights, size, work: Nobody(size))
    monkeypatch.setattr(people_filter, "read", lambda path: np.zeros((8, 8, 3), np.uint8))
    scores: dict[str, dict[str, float]] = {}
    steps = people_filter.measure("w.pt", PHOTOS, Path(), scores)
    next(steps)
    assert list(scores) == ["256"] and len(scores["256"]) == len(PHOTOS)
    asked.clear()
    assert len(list(people_filter.measure("w.pt", PHOTOS, Path(), scores))) == len(SIZES)
    assert 256 not in asked[: len(SIZES) - 1], "what is known is not looked at again"
    asked.clear()
    assert list(people_filter.measure("w.pt", PHOTOS, Path(), scores)) == [] and not asked


def test_ways_are_held_to_one_loss() -> None:
    """Of 100 empty photos three may be lost; a large box of the one with people is doubted."""
    empty = [Photo(f"n{number}", Path(), "empty") for number in range(100)]
    seen = Photo("seen", Path(), "peopled", None, 0.01)
    tiny = Photo("tiny", Path(), "peopled", None, 0.001)
    photos = [*empty, seen, tiny]
    found = {photo.name: [[number / 100, 0.001]] for number, photo in enumerate(empty)}
    known = {"whole 416": found | {"seen": [[0.8, 0.02], [0.1, 0.001]], "tiny": []}}
    looks = [(416, "whole")]
    for bonus, expected in [(0.0, (0, 3, 0, 0)), (0.25, (1, 3, 0, 0))]:
        scores = people_views.best_scores(known, looks, bonus)
        at = people_views.threshold(photos, scores)
        assert at == 0.97
        assert tuple(people_views.counts(photos, scores, at)) == expected
    assert scores["seen"] == 1.05 and scores["tiny"] == 0


def test_slices_in_two_rows_cover_the_photo() -> None:
    for shape in [(256, 256), (256, 341), (400, 256)]:
        image = np.arange(shape[0] * shape[1] * 3, dtype=np.int64).reshape(*shape, 3)
        shown = list(people_views.parts(image, "slices"))
        assert set(np.concatenate([each.ravel() for each in shown])) == set(image.ravel())
        assert len(shown) == (4 if shape[0] == shape[1] else 6 if shape[1] == 341 else 8)
        (mirrored,) = people_views.parts(image, "mirror")
        assert (mirrored[:, ::-1] == image).all()
