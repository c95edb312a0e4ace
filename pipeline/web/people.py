"""The people finder of `scenefill complete --remove people`, once somebody asks for it."""

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.image_files.people import PeopleFinder


class People:
    """Loads the detector when it is first asked for: it brings torch and ultralytics."""

    def __init__(self, params: Path, device: str = "auto") -> None:
        self._params, self._device = params, device
        self._lock = Lock()
        self._finder: PeopleFinder | None = None

    def find(self, photo: np.ndarray) -> np.ndarray:
        """The people in `photo` (H, W, 3) uint8 and a margin: (H, W) bool, maybe nobody.

        Raises ValueError, in words for the user, where the detector of params.yaml cannot be had.
        """
        from pipeline.image_files.people import PeopleFinder

        with self._lock:
            if self._finder is None:
                self._finder = PeopleFinder(self._params, self._device)
            return self._finder.mask(photo)
