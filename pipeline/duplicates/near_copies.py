"""Groups of photos whose perceptual hashes differ in few bits, without comparing all pairs."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

HASH_BITS = 64
MAX_EXTRA_BLOCKS = 4
# In comparisons of two hashes: what it costs to sort one by a key, and to begin with another key.
SORT_COST = 30
KEY_COST = 100_000
# Hashes with one key that are compared one with another; more of them are cut up again.
SMALL_BUCKET = 128
HASHES_AT_ONCE = 65_536


class NearCopies(NamedTuple):
    """`groups` holds for each hash the position of its group's first member."""

    groups: np.ndarray  # (N,)
    num_compared: int  # pairs of hashes whose difference was counted


def from_texts(hashes: Iterable[str]) -> np.ndarray:
    """(N,) uint64 of 16-digit hex hashes."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), dtype=">u8").astype(np.uint64)


def group_near_copies(values: np.ndarray, max_bits: int) -> NearCopies:
    """The groups of perceptual hashes, (N,) uint64.

    Two hashes that differ in at most `max_bits` are in one group, and so are chains of such pairs.
    """
    distinct, first, place = np.unique(values, return_index=True, return_inverse=True)
    search = _Search(max_bits)
    labels = search.labels(distinct)
    first_member = np.full(len(distinct), len(values))
    np.minimum.at(first_member, labels, first)
    return NearCopies(first_member[labels[place]], search.num_compared)


def join_pairs(groups: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """`groups`, as of NearCopies, after those of each pair (2, M) of positions have become one."""
    _, labels = np.unique(groups, return_inverse=True)
    return _first_alike(_joined(labels, pairs))


class _Search:
    """Labels of distinct hashes; counts the pairs it compares."""

    def __init__(self, max_bits: int) -> None:
        self._max_bits = max_bits
        self.num_compared = 0

    def labels(self, values: np.ndarray) -> np.ndarray:
        """A number for each hash, the same within a group.

        Pigeonhole: of max_bits + k blocks of bits, two hashes that differ in max_bits agree in k
        at least. So each choice of k blocks is a key, and only hashes of one key are compared.
        """
        labels = np.arange(len(values))
        if self._max_bits == 0 or len(values) < 2:
            return labels
        bits = _varying_bits(values)
        if len(bits) <= self._max_bits:
            return np.zeros_like(labels)
        num_extra = _num_extra_blocks(len(values), len(bits), self._max_bits)
        if num_extra == 0:
            return self._by_all_pairs(values)
        num_blocks = self._max_bits + num_extra
        blocks = [_mask(bits[number::num_blocks]) for number in range(num_blocks)]
        for chosen in combinations(blocks, num_extra):
            keys = values & np.bitwise_or.reduce(chosen)
            pairs = list(self._pairs_of_equal(keys, values, labels))
            labels = _joined(labels, np.concatenate(pairs, axis=1))
        return labels

    def _pairs_of_equal(
        self, keys: np.ndarray, values: np.ndarray, labels: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Close pairs among hashes with one key, as (2, N) positions: enough of them to join all.

        A large bucket, such as that of skies without a cloud, is a search of its own.
        """
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]))
        sizes = np.diff(starts, append=len(keys))
        for start, size in zip(starts, sizes, strict=True):
            if size > SMALL_BUCKET:
                bucket = order[start : start + size]
                if (labels[bucket] != labels[bucket[0]]).any():
                    yield np.stack([bucket, bucket[_first_alike(self.labels(values[bucket]))]])
        in_small = np.repeat(sizes <= SMALL_BUCKET, sizes)
        yield self._close_neighbours(order[in_small], keys, values)

    def _close_neighbours(
        self, order: np.ndarray, keys: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """All close pairs of one key, in small buckets that follow one another in `order`."""
        found = [np.empty((2, 0), dtype=np.int64)]
        for start in range(0, len(order), HASHES_AT_ONCE):
            places = np.arange(start, min(start + HASHES_AT_ONCE, len(order)))
            for distance in range(1, SMALL_BUCKET):
                places = places[places < len(order) - distance]
                places = places[keys[order[places]] == keys[order[places + distance]]]
                if len(places) == 0:
                    break
                pairs = np.stack([order[places], order[places + distance]])
                found.append(pairs[:, self._are_close(values[pairs[0]], values[pairs[1]])])
        return np.concatenate(found, axis=1)

    def _by_all_pairs(self, values: np.ndarray) -> np.ndarray:
        """Walks from hash to close hash; one that has been reached is compared with no other."""
        labels = np.arange(len(values))
        waiting = labels.copy()
        while len(waiting) > 0:
            label, frontier, waiting = waiting[0], [waiting[0]], waiting[1:]
            while frontier:
                close = self._are_close(values[waiting], values[frontier.pop()])
                labels[waiting[close]] = label
                frontier.extend(waiting[close])
                waiting = waiting[~close]
        return labels

    def _are_close(self, first: np.ndarray, second: np.ndarray | np.uint64) -> np.ndarray:
        self.num_compared += len(first)
        return np.asarray(np.bitwise_count(first ^ second) <= self._max_bits)


def _varying_bits(values: np.ndarray) -> list[int]:
    """Bits that are not the same in all hashes, those first that tell most of them apart.

    Dealt out to the blocks in this order, each block gets its share of the telling ones.
    """
    shares = {bit: float((values >> np.uint64(bit) & np.uint64(1)).mean()) for bit in _BITS}
    varying = [bit for bit in _BITS if 0 < shares[bit] < 1]
    return sorted(varying, key=lambda bit: abs(shares[bit] - 0.5))


_BITS = range(HASH_BITS)


def _num_extra_blocks(num: int, num_bits: int, max_bits: int) -> int:
    """How many blocks a key should have, were the hashes random; 0: compare all with all."""

    def cost(extra: int) -> float:
        if extra == 0:
            return num**2 / 2
        num_keys = math.comb(max_bits + extra, extra)
        key_bits = num_bits * extra / (max_bits + extra)
        return num_keys * (KEY_COST + num * SORT_COST + num**2 / 2 / 2**key_bits)

    allowed = range(min(MAX_EXTRA_BLOCKS, num_bits - max_bits) + 1)
    return min(allowed, key=cost)


def _mask(bits: Sequence[int]) -> np.uint64:
    return np.uint64(sum(1 << bit for bit in bits))


def _joined(labels: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """`labels` after the groups of each pair have become one."""
    if pairs.shape[1] == 0:
        return labels
    first, second = labels[pairs]
    edges = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(labels),) * 2)
    joined: np.ndarray = connected_components(edges, directed=False)[1]
    return np.asarray(joined[labels])


def _first_alike(labels: np.ndarray) -> np.ndarray:
    """For each position the first one that has the same label."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[place])
