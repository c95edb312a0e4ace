import random

from pipeline.near_copies import group_near_copies


def brute_force(hashes: list[str], max_bits: int) -> list[int]:
    """Chains of close pairs, by comparing all of them."""
    group = list(range(len(hashes)))
    for first in range(len(hashes)):
        for second in range(first):
            if (int(hashes[first], 16) ^ int(hashes[second], 16)).bit_count() <= max_bits:
                low, high = sorted((group[first], group[second]))
                group = [low if each == high else each for each in group]
    return group


def test_groups_equal_those_of_all_pairs() -> None:
    rng = random.Random(0)
    hashes = [rng.getrandbits(64) for _ in range(150)]
    hashes += [value ^ (1 << rng.randrange(64)) ^ (1 << rng.randrange(64)) for value in hashes[:80]]
    hashes += hashes[:20]
    rng.shuffle(hashes)
    words = [f"{value:016x}" for value in hashes]
    for max_bits in (0, 1, 2, 4):
        groups = group_near_copies(words, max_bits)
        assert groups == brute_force(words, max_bits)
        assert len(set(groups)) < len(words)


def test_nothing_and_one() -> None:
    assert group_near_copies([], 4) == []
    assert group_near_copies(["0" * 16], 4) == [0]
