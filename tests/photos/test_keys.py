import re

import numpy as np

from pipeline.duplicates.splits import assign, rank_numbers
from pipeline.photos.keys import key_of, shuffled

PATHS = [
    "data_256/a/b.jpg",
    "data_256/a-b.jpg",
    "data_256/a/b.v1.png",
    "data_256/a/b.v2.png",
    "data_256/ä/ß 1.jpg",
    "data_256/a/_2e.jpg",
]


def test_keys_differ_and_hold_no_dot() -> None:
    keys = [key_of(path) for path in PATHS]
    assert len(set(keys)) == len(PATHS)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", key) for key in keys)


def test_key_is_stable() -> None:
    assert key_of("data_256/l/lake/natural/00000001.jpg") == (
        "data_256-l-lake-natural-00000001_2ejpg-00334194"
    )


def test_a_new_key_moves_no_other() -> None:
    keys = [str(number) for number in range(100)]
    before = shuffled(keys, seed=3)
    after = shuffled([*keys, "new"], seed=3)
    assert [key for key in after if key != "new"] == before
    assert before != keys
    assert shuffled(keys, seed=4) != before


def test_the_order_owes_nothing_to_the_split() -> None:
    """One hash for both would put the photos that stand next to the other splits first or last."""
    keys = [str(number) for number in range(1000)]
    numbers = rank_numbers(keys, seed=3)
    halves = assign(np.arange(1000), numbers, val_share=0.5, test_share=0.0)
    of_val = {key for key, split in zip(keys, halves, strict=True) if split == "val"}
    first = shuffled(keys, seed=3)[:500]
    assert 200 < len(of_val & set(first)) < 300
