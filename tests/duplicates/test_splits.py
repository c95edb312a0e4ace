from collections import Counter

import numpy as np
import pytest

from pipeline.duplicates.splits import assign as assign_positions
from pipeline.duplicates.splits import rank_numbers

SHARES = {"val_share": 0.10, "test_share": 0.05}


def assign(groups: list[str], seed: int = 0, **shares: float) -> list[str]:
    """For each photo the split of its group, each group by the key of its first member."""
    positions = np.array([groups.index(name) for name in groups])
    return list(assign_positions(positions, rank_numbers(groups, seed), **shares))


def test_shares_are_exact_for_single_photos() -> None:
    split = assign([str(number) for number in range(1000)], **SHARES)
    assert Counter(split) == {"train": 850, "val": 100, "test": 50}


def test_shares_are_exact_to_within_the_largest_group() -> None:
    groups = [str(number // 7) for number in range(1000)]
    counts = Counter(assign(groups, **SHARES))
    assert abs(counts["test"] - 50) < 7 and abs(counts["val"] - 100) < 14


def test_a_group_is_never_split() -> None:
    groups = [str(number % 90) for number in range(1000)]
    split_of: dict[str, set[str]] = {}
    for group, split in zip(groups, assign(groups, **SHARES), strict=True):
        split_of.setdefault(group, set()).add(split)
    assert len(split_of) == 90
    assert all(len(splits) == 1 for splits in split_of.values())


def test_added_photos_move_few_others() -> None:
    groups = [str(number) for number in range(1000)]
    before = assign(groups, **SHARES)
    after = assign([*groups, *(f"new{number}" for number in range(50))], **SHARES)
    assert sum(old != new for old, new in zip(before, after[:1000], strict=True)) <= 20


def test_seed_draws_another_split() -> None:
    groups = [str(number) for number in range(100)]
    assert assign(groups, **SHARES) != assign(groups, 1, **SHARES)


def test_a_large_group_goes_where_it_fits() -> None:
    """80 frames of one webcam among 200 photos: the others fill val and test to their shares."""
    groups = ["webcam"] * 80 + [str(number) for number in range(120)]
    for seed in range(40):
        split = assign(groups, seed, **SHARES)
        assert Counter(split) == {"train": 170, "val": 20, "test": 10}
        assert set(split[:80]) == {"train"}


@pytest.mark.parametrize("num_photos", [3, 5, 10, 30])
def test_a_small_share_of_few_photos_is_one_photo(num_photos: int) -> None:
    found = Counter(assign([str(number) for number in range(num_photos)], **SHARES))
    val, test = max(1, num_photos // 10), max(1, round(num_photos / 20))
    assert found == {"train": num_photos - val - test, "val": val, "test": test}
