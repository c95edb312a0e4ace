"""Photos and results that were decoded a moment ago, so that no work on them does it again."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np

from pipeline.web.uploads import Limits, read_upload

MAX_HELD = 400_000_000  # bytes of all visitors' photos together, or a single one


class Decoded(NamedTuple):
    """`image` (H, W, 3) uint8 RGB, upright; `unknown` (H, W) bool: transparent."""

    image: np.ndarray
    unknown: np.ndarray
    exif: bytes = b""

    @property
    def num_bytes(self) -> int:
        return self.image.nbytes + self.unknown.nbytes


class DecodedPhotos:
    """By path; those that nobody has asked for the longest go first."""

    def __init__(self, limits: Limits, max_held: int = MAX_HELD) -> None:
        self._limits, self._max_held = limits, max_held
        self._held: OrderedDict[Path, Decoded] = OrderedDict()
        self._lock = Lock()

    def get(self, path: Path) -> Decoded:
        """Raises ValueError, in words for the page, as `read_upload` does."""
        with self._lock:
            if path in self._held:
                self._held.move_to_end(path)
                return self._held[path]
        decoded = Decoded(*read_upload(path, self._limits))
        self.put(path, decoded)
        return decoded

    def put(self, path: Path, decoded: Decoded) -> None:
        """What will lie at `path`, from whoever has it in memory."""
        with self._lock:
            self._held[path] = decoded
            self._held.move_to_end(path)
            while (
                len(self._held) > 1
                and sum(each.num_bytes for each in self._held.values()) > self._max_held
            ):
                self._held.popitem(last=False)
