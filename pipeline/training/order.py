"""The order of the training photos: a function of the seed and of the shards' sizes alone.

The same for photos in memory and for photos read from the shards as they are needed: a pass over
the split goes through windows of whole shards, shuffled, and the photos of a window are shuffled
among each other. The shards were filled in shuffled order, so that a window is a fair sample.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# First part of a random stream's name, so that no two share one.
ORDER, DRAWS, NOISE = 0, 1, 2

Numbers = NDArray[np.int64]


class Window(NamedTuple):
    """Photos shuffled among each other."""

    start: int  # position in the pass
    shards: tuple[int, ...]  # by number
    rows: Numbers  # position - start -> row in the concatenation of `shards`


class Place(NamedTuple):
    """Where the photo of a position stands."""

    number: int  # of the pass
    window: int  # of the pass
    row: int  # in the concatenation of the window's shards


@dataclass(frozen=True)
class Order:
    """Positions count photos from the first step on; passes follow each other without a gap."""

    seed: int
    shard_sizes: tuple[int, ...]  # photos
    window_photos: int = 16_384  # a window holds at least so many, or the whole split

    @property
    def num_photos(self) -> int:
        """In one pass."""
        return sum(self.shard_sizes)

    def windows(self, number: int) -> list[Window]:
        """Those of pass `number`, in order."""
        return _windows(self, number)

    def photos(self, positions: Numbers) -> Numbers:
        """The photos' numbers in shard order."""
        numbers = np.empty_like(positions)
        for number, offsets, where in self._by_pass(positions):
            numbers[where] = _photos(self, number)[offsets]
        return numbers

    def places(self, positions: Numbers) -> list[Place]:
        """Pass, window and row of every position."""
        found = []
        for number, offsets, _ in self._by_pass(positions):
            windows = self.windows(number)
            starts = [window.start for window in windows]
            for offset in offsets.tolist():
                index = int(np.searchsorted(starts, offset, side="right")) - 1
                row = int(windows[index].rows[offset - starts[index]])
                found.append(Place(number, index, row))
        return found

    def _by_pass(self, positions: Numbers) -> list[tuple[int, Numbers, NDArray[np.bool_]]]:
        """(pass, offsets in it, where in `positions`); positions ascend, so passes do."""
        numbers, offsets = np.divmod(positions, self.num_photos)
        return [(int(n), offsets[numbers == n], numbers == n) for n in np.unique(numbers)]


@lru_cache(maxsize=4)  # a batch lies in one pass or across two
def _windows(order: Order, number: int) -> list[Window]:
    # Anew for each pass; the same numbers are drawn wherever the photos come from.
    rng = np.random.default_rng([order.seed, ORDER, number])
    windows: list[Window] = []
    shards: list[int] = []
    start = size = 0
    left = order.num_photos
    for shard in rng.permutation(len(order.shard_sizes)).tolist():
        shards.append(shard)
        size += order.shard_sizes[shard]
        left -= order.shard_sizes[shard]
        # The last window may be smaller: it takes what is left of the shards.
        if size >= order.window_photos or not left:
            windows.append(Window(start, tuple(shards), rng.permutation(size)))
            start, size, shards = start + size, 0, []
    return windows


@lru_cache(maxsize=2)
def _photos(order: Order, number: int) -> Numbers:
    """The whole pass as photo numbers."""
    starts = np.concatenate([[0], np.cumsum(order.shard_sizes)])
    parts = []
    for window in order.windows(number):
        rows = [np.arange(starts[shard], starts[shard + 1]) for shard in window.shards]
        parts.append(np.concatenate(rows)[window.rows])
    return np.concatenate(parts)
