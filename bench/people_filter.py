"""Measures which image size and score the person filter needs. `bench/people_filter.py --help`.

People in landscapes are small, and photos come at 256 px as Places365's do, so each detector is
asked at several image sizes: how many of the photos with people it finds, by their height, how many
without it loses, and what that costs in time. It looks once at each photo in each size; tables and
precision-recall curves are made from the scores. Skips where the shared photos are absent.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import people_views  # noqa: E402
from people_photos import (  # noqa: E402
    BATCH,
    SHORT_SIDE,
    Photo,
    detector_of,
    landscape_photos,
    people_photos,
    read,
)

from pipeline.detection.detector import Detector  # noqa: E402
from pipeline.metrics.intervals import wilson  # noqa: E402
from pipeline.people_filter.accuracy import average_precision, curve, recall_by_height  # noqa: E402

DEMO = "package:fall_detection/models/best.pt"
SIZES = (256, 320, 416, 512, 640)
CONFIDENCES = (0.1, 0.25, 0.4, 0.5)
CURVE_SCORES = tuple(round(0.01 * number, 2) for number in range(5, 100))

# The recommendation: the most people found among settings that lose at most this share of the
# landscapes without people; a smaller size if it finds nearly as many.
MAX_FALSE_ALARMS = 0.05
NEARLY = 0.02

Scores = dict[str, float]  # photo name -> best person score, 0 where nothing was found


def main() -> None:
    options = _options()
    shared = Path(os.environ.get("SCENEFILL_SHARED", HERE.parent.parent / "shared"))
    if not (shared / "data" / "people" / "person_gt.csv").is_file():
        print(f"skipped: no photos in {shared / 'data'} (set SCENEFILL_SHARED)")
        return
    photos = people_photos(shared / "data") + landscape_photos(shared / "data")
    if options.views:
        weights = (options.weights or [str(shared / "weights" / "yolo11n.pt")])[0]
        print(people_views.report(weights, photos, options.work, options.views))
        return
    known = json.loads(options.scores.read_text()) if options.scores.is_file() else {}
    sections, curves = [_heading(photos)], []
    for weights in options.weights or [DEMO, str(shared / "weights" / "yolo11n.pt")]:
        name = Path(weights).name
        measured = known.setdefault(name, {})
        for _ in measure(weights, photos, options.work, measured):
            options.scores.write_text(json.dumps(known))
        sections += [f"## {name}", table(photos, measured), recommendation(photos, measured)]
        sections += [heights_table(photos, measured)]
        curves += [each.assign(weights=name) for each in curves_of(photos, measured)]
    report = "\n\n".join(sections) + "\n"
    print(report)
    if options.out:
        options.out.write_text(report)
    if options.curve:
        pd.concat(curves).to_csv(options.curve, index=False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("weights", nargs="*", help="as params.yaml detect_people.weights")
    parser.add_argument("--out", type=Path, help="write the markdown here too")
    parser.add_argument("--curve", type=Path, help="write the precision-recall curves here (CSV)")
    parser.add_argument(
        "--scores",
        type=Path,
        default=Path(".work/people_filter.json"),
        help="best score of each photo: written after each size, taken up again",
    )
    parser.add_argument(
        "--views",
        type=Path,
        metavar="JSON",
        help="measure several looks at a photo instead; what each finds is kept in this file",
    )
    parser.add_argument("--work", type=Path, default=Path(".work"), help="downloads, settings")
    options = parser.parse_args()
    options.scores.parent.mkdir(parents=True, exist_ok=True)
    return options


def measure(
    weights: str, photos: list[Photo], work: Path, measured: dict[str, Scores]
) -> Iterator[None]:
    """Fills `measured[size]` with the best score of each photo, then `measured["rate"]`.

    Yields after each.
    """
    missing = [
        size
        for size in SIZES
        if any(photo.name not in measured.get(str(size), {}) for photo in photos)
    ]
    detectors = {size: detector_of(weights, size, work) for size in SIZES} if missing else {}
    for size in missing:
        found = measured.setdefault(str(size), {})
        left = [photo for photo in photos if photo.name not in found]
        for batch in _batches(left):
            boxes = detectors[size].detect([read(photo.path) for photo in batch])
            best = (max((box.score for box in some), default=0.0) for some in boxes)
            found |= dict(zip((photo.name for photo in batch), best, strict=True))
        print(f"{Path(weights).name} at {size}: {len(left)} photos", file=sys.stderr)
        yield
    if "rate" not in measured:
        detectors = detectors or {size: detector_of(weights, size, work) for size in SIZES}
        measured["rate"] = relative_rates(detectors, [read(photo.path) for photo in photos[:BATCH]])
        yield


def _batches(photos: list[Photo]) -> Iterable[list[Photo]]:
    return (photos[start : start + BATCH] for start in range(0, len(photos), BATCH))


def relative_rates(detectors: dict[int, Detector], images: Sequence[np.ndarray]) -> Scores:
    """Photos a second relative to the smallest size: the best of rounds taken in turn."""
    best = dict.fromkeys(detectors, math.inf)
    for _ in range(3):
        for size, detector in detectors.items():
            started = time.perf_counter()
            detector.detect(images)
            best[size] = min(best[size], time.perf_counter() - started)
    return {str(size): best[min(detectors)] / seconds for size, seconds in best.items()}


def flagged(photos: list[Photo], scores: Scores, at: float, *groups: str) -> tuple[int, int]:
    """How many photos of the groups reach the score, of how many."""
    members = [scores[photo.name] for photo in photos if photo.group in groups]
    return sum(score >= at for score in members), len(members)


COLUMNS = {
    "found: all people photos": ("tiny", "small", "large"),
    "person < 1 %": ("tiny",),
    "1-5 %": ("small",),
    "> 5 %": ("large",),
    "found in landscapes": ("peopled",),
    "false: everyday": ("everyday",),
    "false: landscapes": ("empty",),
}


def table(photos: list[Photo], measured: dict[str, Scores]) -> str:
    """A row for each size and confidence."""
    names = ["image size", "confidence", *COLUMNS, "photos/s against 256"]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for size in SIZES:
        for at in CONFIDENCES:
            cells = [
                _cell(*flagged(photos, measured[str(size)], at, *groups))
                for groups in COLUMNS.values()
            ]
            rate = f"{measured['rate'][str(size)]:.2f}"
            lines.append("| " + " | ".join([str(size), str(at), *cells, rate]) + " |")
    return "\n".join(lines)


def _cell(hits: int, num: int) -> str:
    low, high = wilson(hits, num)
    return f"{hits}/{num} = {100 * hits / max(num, 1):.1f} % ({100 * low:.0f}..{100 * high:.0f})"


# What the curves are drawn for: whom a score of people stands against.
CURVES = {
    "everyday": ("tiny", "small", "large", "everyday"),
    "landscapes": ("peopled", "empty"),
}


def labelled(photos: list[Photo], scores: Scores, groups: Sequence[str]) -> pd.DataFrame:
    """As pipeline/people_filter/accuracy.py takes it; a person of unknown height counts as tall."""
    members = [photo for photo in photos if photo.group in groups]
    heights = [SHORT_SIDE if each.person_height is None else each.person_height for each in members]
    return pd.DataFrame(
        {"score": [scores[each.name] for each in members], "person_height": heights}
    )


def curves_of(photos: list[Photo], measured: dict[str, Scores]) -> Iterator[pd.DataFrame]:
    """The precision-recall curve of each image size, on everyday photos and on landscapes."""
    for size in SIZES:
        for name, groups in CURVES.items():
            points = curve(labelled(photos, measured[str(size)], groups), CURVE_SCORES)
            yield points.assign(image_size=size, photos=name)


def heights_table(photos: list[Photo], measured: dict[str, Scores]) -> str:
    """Recall by the height of the tallest person, and average precision, for each size."""
    names = ["image size", "confidence", "person up to 32 px", "32-96 px", "over 96 px"]
    names += [f"average precision, {name}" for name in CURVES]
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    for size in SIZES:
        scores = measured[str(size)]
        precisions = [
            f"{average_precision(labelled(photos, scores, groups)):.3f}"
            for groups in CURVES.values()
        ]
        for at in CONFIDENCES:
            found = recall_by_height(labelled(photos, scores, CURVES["everyday"]), at)
            cells = [_cell(*counts) for counts in found.values()]
            lines.append("| " + " | ".join([str(size), str(at), *cells, *precisions]) + " |")
    return "\n".join(lines)


def recommendation(photos: list[Photo], measured: dict[str, Scores]) -> str:
    """The setting chosen by the rule at the top of this file."""
    found: dict[tuple[int, float], float] = {}
    for size in SIZES:
        for at in CONFIDENCES:
            hits, num = flagged(photos, measured[str(size)], at, "empty")
            if hits <= MAX_FALSE_ALARMS * num:
                hits, num = flagged(
                    photos, measured[str(size)], at, "tiny", "small", "large", "peopled"
                )
                found[size, at] = hits / num
    if not found:
        return f"No setting loses at most {MAX_FALSE_ALARMS:.0%} of the landscapes without people."
    best = max(found.values())
    size, at = min(
        (key for key, share in found.items() if share >= best - NEARLY),
        key=lambda key: (key[0], -found[key]),
    )
    return (
        f"Recommended: image_size {size}, min_score {at}: finds {found[size, at]:.1%} of the "
        f"photos with people and loses at most {MAX_FALSE_ALARMS:.0%} of the landscapes without. "
        f"(The most that any allowed setting finds is {best:.1%}.)"
    )


def _heading(photos: list[Photo]) -> str:
    num = {group: sum(photo.group == group for photo in photos) for group in ("peopled", "empty")}
    return (
        "# The person filter: image size against score\n\n"
        "Photos shrunk to a short side of 256 px. COCO people photos by the share of the image "
        "that the largest person takes; everyday: COCO photos without a labelled person. "
        f"Landscapes: {num['empty']} without people, {num['peopled']} with "
        "(people_in_landscapes.csv: every photo was looked at by eye, and again where a detector "
        "said person; 3 were seen only then). 95 % Wilson intervals."
    )


if __name__ == "__main__":
    main()
