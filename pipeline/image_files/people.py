"""People as holes: their outlines by a segmentation model, or the detector's boxes."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.detection.detector import Detector, PersonBox
from pipeline.detection.outlines import Outliner
from pipeline.params.detect_people import DetectPeopleParams
from pipeline.params.filter_people import FilterPeopleParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.people_filter.large_people import raised_scores, square_areas
from pipeline.runtime.devices import choose_device, num_threads
from pipeline.runtime.scratch import work_dir

# A hole is a person's box with so much more on each side, of the box's longer side, and at least so
# many px: boxes are tight, and shadows and hair stick out.
MARGIN_SHARE = 0.1
MARGIN_LEAST = 4
# An outline follows hair and clothes; what sticks out of it is its own blur.
OUTLINE_MARGIN_SHARE = 0.03
# Of a photo. Where people and margins take more, what is left says too little of what was behind.
MOST = 0.8


class OutlineWeights(NamedTuple):
    """A checkpoint of a segmentation model."""

    path: Path
    sha256: str


class PeopleFinder:
    """Finds people as the stages do: params.yaml detect_people looks, filter_people judges.

    With a segmentation model it is that which looks.
    """

    def __init__(self, params: Path, device: str, outlines: OutlineWeights | None = None) -> None:
        """Reads `params`; the detector, or the model for `outlines`, is loaded once."""
        self._thresholds = load("filter_people", FilterPeopleParams, params)
        runtime = load("runtime", RuntimeParams, params)
        chosen = choose_device(device)
        self._outliner: Outliner | None = None
        if outlines is not None:
            config_dir = (work_dir() / "ultralytics").absolute()
            self._outliner = Outliner(*outlines, chosen, config_dir)
            return
        self._detector = Detector(
            load("detect_people", DetectPeopleParams, params),
            device=chosen,
            threads=num_threads(runtime.threads),
            downloads_dir=work_dir() / "weights",
        )

    def mask(self, picture: np.ndarray) -> np.ndarray:
        """(H, W) bool: the people in `picture` (HWC uint8 RGB) and a margin; may be all False.

        A hole a person: outlined where there is a model for it, else a box. ValueError where
        hardly anything but people would be left to continue.
        """
        mask = np.zeros(picture.shape[:2], bool)
        for hole in self._holes(picture):
            mask |= hole
        if (share := mask.mean()) > MOST:
            raise ValueError(
                f"people and their margins take {share:.0%} of the photo, and at most {MOST:.0%} "
                "can be removed: the rest says too little of what is behind them. Mark a smaller "
                "part by hand, or take another photo"
            )
        return mask

    def _holes(self, picture: np.ndarray) -> Iterator[np.ndarray]:
        if self._outliner is not None:
            least = self._thresholds.min_box_area * min(picture.shape[:2]) ** 2
            for outline in self._outliner.outlines(picture, self._thresholds.min_score):
                if _box_area(outline) >= max(least, 1):
                    yield _grown(outline)
            return
        (boxes,) = self._detector.detect([picture])
        for box in boxes:
            if self._counts(box, picture.shape[:2]):
                yield _grown_box(box, picture.shape)

    def _counts(self, box: PersonBox, size: tuple[int, int]) -> bool:
        sides = [box.top, box.left, box.height, box.width]
        (score,) = raised_scores([box.score], sides, size, self._thresholds)
        (area,) = square_areas(np.array([sides]), *map(np.asarray, size))
        return bool(score >= self._thresholds.min_score and area >= self._thresholds.min_box_area)


def _grown_box(box: PersonBox, shape: tuple[int, ...]) -> np.ndarray:
    margin = max(MARGIN_LEAST, MARGIN_SHARE * max(box.height, box.width))
    rows = slice(int(max(box.top - margin, 0)), int(np.ceil(box.top + box.height + margin)))
    columns = slice(int(max(box.left - margin, 0)), int(np.ceil(box.left + box.width + margin)))
    hole = np.zeros(shape[:2], bool)
    hole[rows, columns] = True
    return hole


def _box_area(outline: np.ndarray) -> int:
    _, _, width, height = cv2.boundingRect(outline.astype(np.uint8))
    return int(width * height)


def _grown(outline: np.ndarray) -> np.ndarray:
    _, _, width, height = cv2.boundingRect(outline.astype(np.uint8))
    margin = round(max(MARGIN_LEAST, OUTLINE_MARGIN_SHARE * max(height, width)))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    return cv2.dilate(outline.astype(np.uint8), disk) > 0
