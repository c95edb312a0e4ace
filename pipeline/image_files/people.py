"""People as holes: where the detector of params.yaml finds them."""

from pathlib import Path

import numpy as np

from pipeline.detection.detector import Detector, PersonBox
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


class PeopleFinder:
    """Finds people as the stages do: params.yaml detect_people looks, filter_people judges."""

    def __init__(self, params: Path, device: str) -> None:
        """Reads `params`; the detector is loaded once."""
        self._thresholds = load("filter_people", FilterPeopleParams, params)
        runtime = load("runtime", RuntimeParams, params)
        self._detector = Detector(
            load("detect_people", DetectPeopleParams, params),
            device=choose_device(device),
            threads=num_threads(runtime.threads),
            downloads_dir=work_dir() / "weights",
        )

    def mask(self, picture: np.ndarray) -> np.ndarray:
        """(H, W) bool: the people in `picture` (HWC uint8 RGB) and a margin; may be all False."""
        height, width = picture.shape[:2]
        (boxes,) = self._detector.detect([picture])
        mask = np.zeros((height, width), bool)
        for box in boxes:
            if self._counts(box, (height, width)):
                _add(mask, box)
        return mask

    def _counts(self, box: PersonBox, size: tuple[int, int]) -> bool:
        sides = [box.top, box.left, box.height, box.width]
        (score,) = raised_scores([box.score], sides, size, self._thresholds)
        (area,) = square_areas(np.array([sides]), *map(np.asarray, size))
        return bool(score >= self._thresholds.min_score and area >= self._thresholds.min_box_area)


def _add(mask: np.ndarray, box: PersonBox) -> None:
    margin = max(MARGIN_LEAST, MARGIN_SHARE * max(box.height, box.width))
    rows = slice(int(max(box.top - margin, 0)), int(np.ceil(box.top + box.height + margin)))
    columns = slice(int(max(box.left - margin, 0)), int(np.ceil(box.left + box.width + margin)))
    mask[rows, columns] = True
