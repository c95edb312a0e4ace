"""The split into train, val and test: whole groups, by rank of a hash of the group."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

SPLITS = ("train", "val", "test")


def assign(
    groups: np.ndarray, numbers: np.ndarray, *, val_share: float, test_share: float
) -> "pd.Categorical[str]":
    """`train`, `val` or `test` for each photo; photos of one group share it.

    `groups` holds for each photo the position of its group's first member, `numbers` what
    `rank_numbers` gives for its key. The groups in the order of their first member's number fill
    test, then val, each group only where it fits: what is too large for either is trained on.
    Photos added later move few others. Groups that are too large leave a split short of its share.
    """
    firsts, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(numbers[firsts], kind="stable")
    room = {2: wanted(test_share, len(groups)), 1: wanted(val_share, len(groups))}
    codes = np.zeros(len(firsts), np.int8)
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        for code, free in room.items():
            if size <= free:
                codes[group], room[code] = code, free - size
                break
    return pd.Categorical.from_codes(codes[place], pd.Index(SPLITS))


def wanted(share: float, num_photos: int) -> int:
    """How many of the photos are a split's: of few ones one at least, or it would be missed."""
    return max(1, round(share * num_photos))


def rank_numbers(keys: Iterable[str], seed: int) -> np.ndarray:
    """The first eight bytes of a seeded hash of each key, uint64."""
    hashes = (hashlib.sha256(f"{seed}/{key}".encode()).digest() for key in keys)
    return np.array([int.from_bytes(each[:8]) for each in hashes], np.uint64)
