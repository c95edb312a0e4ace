import random

import numpy as np

from pipeline.duplicates.near_copies import from_texts, group_near_copies


def brute_force(hashes: list[str], max_bits: int) -> list[int]:
    """Chains of close pairs, by comparing all of them."""
    group = list(range(len(hashes)))
    for first in range(len(hashes)):
        for second in range(first):
            if (int(hashes[first], 16) ^ int(hashes[second], 16)).bit_count() <= max_bits:
                low, high = sorted((group[first], group[second]))
                group = [low if each == high else each for each in group]
    return group


def groups_of(words: list[str], max_bits: int) -> list[int]:
    groups: list[int] = group_near_copies(from_texts(words), max_bits).groups.tolist()
    return groups


def test_groups_equal_those_of_all_pairs() -> None:
    rng = random.Random(0)
    hashes = [rng.getrandbits(64) for _ in range(150)]
    hashes += [value ^ (1 << rng.randrange(64)) ^ (1 << rng.randrange(64)) for value in hashes[:80]]
    hashes += hashes[:20]
    rng.shuffle(hashes)
    words = [f"{value:016x}" for value in hashes]
    for max_bits in (0, 1, 2, 4):
        groups = groups_of(words, max_bits)
        assert groups == brute_force(words, max_bits)
        assert len(set(groups)) < len(words)


def test_groups_equal_those_of_all_pairs_where_buckets_are_large() -> None:
    """Hashes that agree in most bits, some in clusters: several rounds of cutting up."""
    rng = random.Random(1)
    centres = [rng.getrandbits(30) for _ in range(12)]
    hashes = [rng.choice(centres) ^ (1 << rng.randrange(30)) for _ in range(300)]
    hashes += [rng.getrandbits(30) for _ in range(300)]
    words = [f"{value:016x}" for value in hashes]
    for max_bits in (1, 3):
        assert groups_of(words, max_bits) == brute_force(words, max_bits)


def random_hashes(rng: np.random.Generator, num: int) -> np.ndarray:
    return rng.integers(0, 2**64, num, dtype=np.uint64)


def with_flips(rng: np.random.Generator, values: np.ndarray, num_bits: int) -> np.ndarray:
    """Each value with at most `num_bits` bits flipped."""
    for _ in range(num_bits):
        values = values ^ np.uint64(1) << rng.integers(0, 64, len(values)).astype(np.uint64)
    return values


def test_the_work_grows_with_the_photos_not_with_their_pairs() -> None:
    rng = np.random.default_rng(0)
    originals = random_hashes(rng, 198_000)
    hashes = np.concatenate([originals, with_flips(rng, originals[:2_000], 6)])
    found = group_near_copies(hashes, 6)
    assert found.groups[-2_000:].tolist() == list(range(2_000))
    assert len(set(found.groups)) == 198_000
    assert found.num_compared < 60 * len(hashes)  # all pairs: 100,000 a photo


def test_common_hashes_do_not_blow_up() -> None:
    """Cloudless skies: one hash many times, many hashes around one, many that share 40 bits."""
    rng = np.random.default_rng(0)
    sky = np.uint64(1 << 63)
    around = with_flips(rng, np.full(5_000, sky), 3)
    alike = random_hashes(rng, 5_000) & np.uint64(0xFFFFFF)
    hashes = [random_hashes(rng, 40_000), np.full(5_000, sky), around, alike]
    found = group_near_copies(np.concatenate(hashes), 6)
    assert set(found.groups[40_000:50_000]) == {40_000}
    plain = group_near_copies(random_hashes(rng, 55_000), 6)
    assert found.num_compared < 2 * plain.num_compared


def test_nothing_and_one() -> None:
    assert groups_of([], 4) == []
    assert groups_of(["0" * 16], 4) == [0]
