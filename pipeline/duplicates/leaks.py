"""Photos that show the same as one in another split, though their hashes did not group them.

Measured by another and wider measure than the one that grouped near copies before the split:
descriptors (pipeline/duplicates/descriptors.py), which also recognise mirrored copies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.duplicates.descriptors import LENGTH, mirrored
from pipeline.duplicates.splits import SPLITS

# Cosine of the angle between descriptors from which on two photos count as alike.
SIMILARITY = 0.94

# Each photo is compared with its neighbours in several random orders of all photos, in which alike
# ones stand close: the work grows with the photos and not with their pairs, whatever they show.
_NUM_ORDERS = 32
_NUM_NEIGHBOURS = 8
_CODE_BITS = 64
_VIEWS_AT_ONCE = 16_384
_PAIRS_AT_ONCE = 65_536


class Leaks(NamedTuple):
    """Pairs of alike photos in different splits, the most alike first."""

    first: np.ndarray  # (N,) positions, each smaller than that in `second`
    second: np.ndarray
    similarity: np.ndarray
    is_mirrored: np.ndarray  # whether they are most alike when one is mirrored
    num_compared: int  # comparisons of two descriptors; a pair may meet in several orders

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return list(zip(self.first.tolist(), self.second.tolist(), strict=True))


def find_leaks(descriptors: np.ndarray, splits: Sequence[str]) -> Leaks:
    """Alike photos across splits; `descriptors` is (N, 63) int8.

    A photo of one colour, whose descriptor is all zero, is like no other. Nothing is found that is
    not alike; a pair is missed only if it is in no order close enough, which is rare and likelier
    the nearer it is to SIMILARITY.
    """
    views = _Views.of(descriptors, splits)
    nobody = np.empty(0, dtype=np.int64)
    found = Leaks(nobody, nobody, np.empty(0, np.float32), np.empty(0, bool), 0)
    for order in _orders(views):
        for first, second in _pairs(order, views):
            found = _merged(found, views.leaks(first, second))
    return found


def _merged(known: Leaks, more: Leaks) -> Leaks:
    """All pairs once; of one that is alike both as it is and mirrored the better counts."""
    num_compared = known.num_compared + more.num_compared
    if len(more.first) == 0:
        return known._replace(num_compared=num_compared)
    first, second, similarity, is_mirrored = (
        np.concatenate(columns) for columns in zip(known[:4], more[:4], strict=True)
    )
    order = np.lexsort((is_mirrored, second, first, -similarity))
    pairs = np.stack([first, second], axis=1)[order]
    _, places = np.unique(pairs, axis=0, return_index=True)
    best = order[np.sort(places)]
    return Leaks(first[best], second[best], similarity[best], is_mirrored[best], num_compared)


@dataclass(frozen=True)
class _Views:
    """Each photo that shows something twice: as it is, then as in a mirror. Views are numbered.

    Nothing of the second half is kept: for a million photos it would take as much as all else.
    """

    descriptors: np.ndarray  # (M, 63) int8, of all photos
    shown: np.ndarray  # (N,) positions of those that show something
    lengths: np.ndarray  # (M,)
    splits: np.ndarray  # (M,) number of the split

    @classmethod
    def of(cls, descriptors: np.ndarray, splits: Sequence[str]) -> "_Views":
        # Sums of whole numbers below 2**24 are exact, whatever their order.
        squares = np.einsum("ij,ij->i", descriptors, descriptors, dtype=np.float32)
        names = pd.CategoricalDtype(list(SPLITS))
        return cls(
            descriptors=descriptors,
            shown=np.flatnonzero(squares).astype(np.uint32),
            lengths=np.sqrt(squares),
            splits=pd.Series(splits, dtype=names).cat.codes.to_numpy(),
        )

    def photo(self, views: np.ndarray) -> np.ndarray:
        """Positions."""
        return np.asarray(self.shown[views % len(self.shown)])

    def is_mirrored(self, views: np.ndarray) -> np.ndarray:
        return views >= len(self.shown)

    def leaks(self, first: np.ndarray, second: np.ndarray) -> Leaks:
        """The alike ones of pairs of views, of which at most one is mirrored."""
        photos = np.stack([self.photo(first), self.photo(second)])
        is_mirrored = self.is_mirrored(first) | self.is_mirrored(second)
        one, other = self.descriptors[photos]
        other[is_mirrored] = mirrored(other[is_mirrored])
        products = np.einsum("ij,ij->i", one, other, dtype=np.float32)
        similarity = products / self.lengths[photos].prod(axis=0)
        alike = similarity >= SIMILARITY
        photos = np.sort(photos[:, alike], axis=0)
        return Leaks(photos[0], photos[1], similarity[alike], is_mirrored[alike], len(first))


def _orders(views: _Views) -> Iterator[np.ndarray]:
    """Orders of all views by the sides of random planes on which they lie."""
    random = np.random.default_rng(0)
    for _ in range(_NUM_ORDERS):
        planes = (random.integers(0, 2, (LENGTH, _CODE_BITS)) * 2 - 1).astype(np.float32)
        # A mirrored photo lies to a plane as the photo does to the mirrored plane.
        both = planes, mirrored(planes.T).T
        codes = np.empty((2, len(views.shown)), dtype=np.uint64)
        for start in range(0, len(views.shown), _VIEWS_AT_ONCE):
            rows = slice(start, start + _VIEWS_AT_ONCE)
            vectors = views.descriptors[views.shown[rows]].astype(np.float32)
            for half, turned in zip(codes, both, strict=True):
                half[rows] = np.packbits(vectors @ turned > 0, axis=1).view(">u8").ravel()
        yield np.argsort(codes.ravel(), kind="stable").astype(np.uint32)


def _pairs(order: np.ndarray, views: _Views) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Neighbours in `order` that may be a leak, some at a time."""
    splits, turned = views.splits[views.photo(order)], views.is_mirrored(order)
    for distance in range(1, _NUM_NEIGHBOURS + 1):
        # Two photos in a mirror are as alike as the two themselves.
        both_turned = turned[:-distance] & turned[distance:]
        places = np.flatnonzero((splits[:-distance] != splits[distance:]) & ~both_turned)
        for start in range(0, len(places), _PAIRS_AT_ONCE):
            some = places[start : start + _PAIRS_AT_ONCE]
            yield order[some], order[some + distance]


def leak_table(leaks: Leaks, kept: pd.DataFrame) -> pd.DataFrame:
    """key, split, other_key, other_split, similarity, mirrored; the most alike first.

    `kept` has key and split, labelled with the positions that the leaks name.
    """
    first, second = kept.loc[leaks.first], kept.loc[leaks.second]
    return pd.DataFrame(
        {
            "key": first["key"].to_numpy(),
            "split": first["split"].to_numpy(),
            "other_key": second["key"].to_numpy(),
            "other_split": second["split"].to_numpy(),
            "similarity": leaks.similarity.astype(np.float64).round(4),
            "mirrored": leaks.is_mirrored,
        }
    )


def leak_counts(table: pd.DataFrame, num_compared: int) -> dict[str, Any]:
    """Pairs by the splits they leak between, photos of val and test with one alike in train."""
    between = {frozenset(pair): f"{pair[0]}_{pair[1]}" for pair in combinations(SPLITS, 2)}
    sides = zip(table["split"], table["other_split"], strict=True)
    counts = pd.Series([between[frozenset(pair)] for pair in sides], dtype=str).value_counts()
    to_train = table[(table["split"] == "train") | (table["other_split"] == "train")]
    outside = np.where(to_train["split"] == "train", to_train["other_key"], to_train["key"])
    return {
        "pairs": len(table),
        **{name: int(counts.get(name, 0)) for name in between.values()},
        "photos_alike_in_train": len(set(outside)),
        "compared": num_compared,
    }
