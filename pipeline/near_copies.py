"""Groups of photos whose perceptual hashes differ in few bits, without comparing all pairs."""

from collections.abc import Iterator, Sequence

import numpy as np

HASH_BITS = 64


def group_near_copies(hashes: Sequence[str], max_bits: int) -> list[int]:
    """A group number for each 16-digit hex hash: the position of the group's first member.

    Two hashes that differ in at most `max_bits` are in one group, and so are chains of such pairs.
    """
    distinct = sorted(set(hashes))
    values = np.array([int(value, 16) for value in distinct], dtype=np.uint64)
    groups = _DisjointSets(len(distinct))
    for first, second in _close_pairs(values, max_bits):
        groups.join(first, second)
    root_of = {value: groups.root(position) for position, value in enumerate(distinct)}
    first_member: dict[int, int] = {}
    for position, value in enumerate(hashes):
        first_member.setdefault(root_of[value], position)
    return [first_member[root_of[value]] for value in hashes]


def _close_pairs(values: np.ndarray, max_bits: int) -> Iterator[tuple[int, int]]:
    """Positions of pairs at most `max_bits` apart.

    Pigeonhole: cut into max_bits + 1 bands, two such hashes agree in one band at least.
    """
    edges = np.linspace(0, HASH_BITS, max_bits + 2).astype(int)
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        band = (values >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        for positions in _same(band):
            yield from _close_within(values, positions, max_bits)


def _same(band: np.ndarray) -> Iterator[np.ndarray]:
    """Positions that share a value, for values that occur more than once."""
    order = np.argsort(band, kind="stable")
    starts = np.flatnonzero(np.diff(band[order])) + 1
    yield from (positions for positions in np.split(order, starts) if len(positions) > 1)


def _close_within(
    values: np.ndarray, positions: np.ndarray, max_bits: int
) -> Iterator[tuple[int, int]]:
    for place, first in enumerate(positions[:-1]):
        rest = positions[place + 1 :]
        distances = np.bitwise_count(values[first] ^ values[rest])
        yield from ((int(first), int(second)) for second in rest[distances <= max_bits])


class _DisjointSets:
    """Union-find with path halving."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, first: int, second: int) -> None:
        low, high = sorted((self.root(first), self.root(second)))
        self._parent[high] = low
