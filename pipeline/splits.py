"""The split into train, val and test: whole groups, by rank of a hash of the group."""

import hashlib
from collections.abc import Sequence

import pandas as pd


def assign(groups: Sequence[str], *, val_share: float, test_share: float, seed: int) -> list[str]:
    """`train`, `val` or `test` for each photo; photos of one group share it.

    The groups in the order of their hash fill test, then val, then train: the shares are exact to
    within the largest group, and photos added later move few others.
    """
    sizes = pd.Series(groups).value_counts()
    ranked = sorted(sizes.index, key=lambda group: _rank(group, seed))
    test_end = round(test_share * len(groups))
    val_end = test_end + round(val_share * len(groups))
    split_of, seen = {}, 0
    for group in ranked:
        split_of[group] = "test" if seen < test_end else "val" if seen < val_end else "train"
        seen += int(sizes[group])
    return [split_of[group] for group in groups]


def _rank(group: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{group}".encode()).digest()
