"""What more than one look at a photo finds, and what it costs: `bench/people_filter.py --views`.

Each way is a set of looks, of which the best box counts. It is given the lowest threshold at which
it loses no more of the landscapes without people than is allowed, once with one threshold for all
boxes, once with large boxes raised as in the profiles with a real detector. Then, for long photos:
how many of the people in the middle square the look at the whole still finds.
"""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from people_photos import BATCH, Photo, detector_of, read
from PIL import Image, ImageOps
from ruamel.yaml import YAML

from pipeline.config.profiles import render
from pipeline.detection.views import OVERLAP, View, views
from pipeline.metrics.intervals import wilson

MAX_LOST = 0.03
MIN_AREA = 0.002  # of the picture: a smaller person is not what the aim is about
BONUS, LARGE = 0.25, 0.005  # filter_people.large_box_bonus and large_box_area
MANY_BOXES = 20  # of a view, best first

# Looks at a photo: image size and kind.
Look = tuple[int, str]
WAYS: dict[str, list[Look]] = {
    "once": [(416, "whole")],
    "and in a mirror": [(416, "whole"), (416, "mirror")],
    "once, at 512 px": [(512, "whole")],
    "at 416 and at 512 px": [(416, "whole"), (512, "whole")],
    "and in two rows of slices": [(416, "whole"), (416, "slices")],
}
LOOKS = list(dict.fromkeys(look for way in WAYS.values() for look in way))
RATIOS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
NUM_LONG = 20

# photo -> [score, area] of its boxes, area as a fraction of the square of the photo's short side
Found = dict[str, list[list[float]]]


class Counts(NamedTuple):
    found: int
    lost: int
    everyday: int
    false: int


def report(weights: str, photos: list[Photo], work: Path, path: Path) -> str:
    """Tables; what each look finds is kept in the JSON file `path`, and taken up again."""
    known: dict[str, Found] = json.loads(path.read_text()) if path.is_file() else {}
    for look in LOOKS:
        if name_of(look) not in known:
            known[name_of(look)] = find(weights, photos, look, work)
            path.write_text(json.dumps(known))
    costs = pixels(photos)
    return f"## {Path(weights).name}\n\n{ways_table(photos, known, costs)}\n\n" + long_table(
        weights, photos, work
    )


def name_of(look: Look) -> str:
    return f"{look[1]} {look[0]}"


def find(weights: str, photos: list[Photo], look: Look, work: Path) -> Found:
    detector, found = detector_of(weights, look[0], work), {}
    for photo in photos:
        image = read(photo.path)
        square = min(image.shape[:2]) ** 2
        shown = list(parts(image, look[1]))
        boxes = [
            box
            for start in range(0, len(shown), BATCH)
            for some in detector.detect(shown[start : start + BATCH])
            for box in some[:MANY_BOXES]
        ]
        found[photo.name] = [[box.score, box.height * box.width / square] for box in boxes]
    return found


def parts(image: np.ndarray, kind: str) -> Iterator[np.ndarray]:
    """What is shown of a photo (HWC)."""
    if kind == "whole":
        yield image
    elif kind == "mirror":
        yield np.ascontiguousarray(image[:, ::-1])
    else:
        # Squares in two rows over the whole photo, which overlap as slices of long photos do.
        height, width = image.shape[:2]
        side = math.ceil(min(height, width) / (2 - OVERLAP))
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield np.ascontiguousarray(View(top, left, side, side).of(image))


def _starts(length: int, side: int) -> list[int]:
    num = 1 + math.ceil((length - side) / (side * (1 - OVERLAP)) - 1e-9)
    return [round(number * (length - side) / (num - 1)) for number in range(num)]


def pixels(photos: list[Photo]) -> dict[str, float]:
    """Pixels that the model is shown for each look, of every tenth photo: its work."""
    images = [read(photo.path) for photo in photos[::10]]
    return {
        name_of(look): look[0] ** 2 * sum(len(list(parts(image, look[1]))) for image in images)
        for look in LOOKS
    }


def ways_table(photos: list[Photo], known: dict[str, Found], costs: dict[str, float]) -> str:
    """A row for each way with one threshold, and one with large boxes raised; the profile's own."""
    names = ["looks", "threshold", "found, landscapes", "lost though empty"]
    names += ["found, everyday", "false, everyday", "cost"]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    num = {name: sum(name in groups(photo) for photo in photos) for name in Counts._fields}
    chosen = YAML(typ="safe").load(render("folder"))["filter_people"]
    for way, looks in WAYS.items():
        cost = sum(costs[name_of(look)] for look in looks) / costs[name_of(WAYS["once"][0])]
        settings: list[tuple[float, float | None]] = [(0.0, None), (BONUS, None)]
        if way == "once":
            settings.append((chosen["large_box_bonus"], chosen["min_score"]))
        for bonus, fixed in settings:
            scores = best_scores(known, looks, bonus)
            at = threshold(photos, scores) if fixed is None else fixed
            words = f"{at - bonus:.2f} large, {at:.2f} small" if bonus else f"{at:.2f}"
            cells = [
                f"{hits}/{num[name]} ({100 * low:.0f}..{100 * high:.0f} %)"
                for name, hits in counts(photos, scores, at)._asdict().items()
                for low, high in [wilson(hits, num[name])]
            ]
            lines.append("| " + " | ".join([way, words, *cells, f"{cost:.1f}"]) + " |")
    return "\n".join(lines)


def groups(photo: Photo) -> list[str]:
    """The column that it counts in; none for people that are too small."""
    if photo.group in ("empty", "everyday"):
        return ["lost" if photo.group == "empty" else "false"]
    if photo.area < MIN_AREA:
        return []
    return ["found" if photo.group == "peopled" else "everyday"]


def best_scores(known: dict[str, Found], looks: Sequence[Look], bonus: float) -> dict[str, float]:
    """Photo -> the score of its best box in any look, of large boxes raised."""
    best: dict[str, float] = {}
    for look in looks:
        for photo, boxes in known[name_of(look)].items():
            raised = (round(score + bonus * (area >= LARGE), 4) for score, area in boxes)
            best[photo] = max(best.get(photo, 0.0), *raised, 0.0)
    return best


def threshold(photos: list[Photo], scores: dict[str, float]) -> float:
    """The lowest hundredth at which at most MAX_LOST of the empty landscapes are lost."""
    empty = [scores[photo.name] for photo in photos if photo.group == "empty"]
    hundredths = (number / 100 for number in range(5, 126))
    return next(
        at for at in hundredths if sum(each >= at for each in empty) <= MAX_LOST * len(empty)
    )


def counts(photos: list[Photo], scores: dict[str, float], at: float) -> Counts:
    hits = [name for each in photos if scores[each.name] >= at for name in groups(each)]
    return Counts(*(hits.count(name) for name in Counts._fields))


def long_table(weights: str, photos: list[Photo], work: Path) -> str:
    """People in the middle of rows of empty landscapes, looked at as a whole; and in slices."""
    detector: Any = detector_of(weights, 416, work)
    detector.slice_ratio = math.inf
    people: list[np.ndarray] = []
    for photo in photos:
        if photo.group in ("small", "large") and len(people) < NUM_LONG:
            fitted = ImageOps.fit(Image.fromarray(read(photo.path)), (256, 256))
            if _score(detector, np.asarray(fitted)) >= 0.4:
                people.append(np.asarray(fitted))
    empty = [np.asarray(Image.fromarray(read(each.path)).resize((256, 256)))
             for each in photos if each.group == "empty"][:2]  # fmt: skip
    lines = [
        "| long side by short side | found in the whole | views with slices |",
        "| --- | --- | --- |",
    ]
    for ratio in RATIOS:
        width = round(256 * ratio)
        margin = (width - 256) // 2
        left, right = (np.tile(each, (1, 3, 1))[:, :margin] for each in empty)
        rows = [np.ascontiguousarray(np.hstack([left, person, right])) for person in people]
        hits = sum(_score(detector, row) >= 0.4 for row in rows)
        num = len(views((256, width), 1.0))
        lines.append(f"| {ratio:g} | {hits}/{len(people)} | {num} |")
    return "\n".join(lines)


def _score(detector: Any, image: np.ndarray) -> float:
    return max((box.score for box in detector.detect([image])[0]), default=0.0)
