"""The people finder of `scenefill complete --remove people`, once somebody asks for it."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from pipeline.params.detect_people import DEMO_SHA256, DetectPeopleParams
from pipeline.params.section import load
from pipeline.runtime.scratch import work_dir

if TYPE_CHECKING:
    from pipeline.image_files.people import PeopleFinder


class People:
    """Loads the detector when it is first asked for: it brings torch and ultralytics."""

    def __init__(self, params: Path, device: str = "auto") -> None:
        self._params, self._device = params, device
        self._lock = Lock()
        self._finder: PeopleFinder | None = None

    @property
    def is_loaded(self) -> bool:
        return self._finder is not None

    @property
    def is_demo(self) -> bool:
        """Whether it is the detector of `make demo`, which misses most people."""
        params = load("detect_people", DetectPeopleParams, self._params)
        return params.weights_sha256 == DEMO_SHA256

    def prepare(self) -> None:
        """Loads the detector, unless its weights would have to be downloaded: nobody asked yet."""
        from pipeline.detection.detector import awaits_download

        params = load("detect_people", DetectPeopleParams, self._params)
        if not awaits_download(params.weights, work_dir() / "weights"):
            self._loaded()

    def find(self, photo: np.ndarray) -> np.ndarray:
        """The people in `photo` (H, W, 3) uint8 and a margin: (H, W) bool, maybe nobody.

        Raises ValueError, in words for the user, where the detector of params.yaml cannot be had.
        """
        return self._loaded().mask(photo)

    def _loaded(self) -> "PeopleFinder":
        from pipeline.image_files.people import PeopleFinder

        with self._lock:
            if self._finder is None:
                self._finder = PeopleFinder(self._params, self._device)
            return self._finder
