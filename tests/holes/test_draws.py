"""Random numbers by hash."""

import hashlib

import numpy as np

from pipeline.holes.draws import Draws


def test_the_stream_is_that_of_the_text() -> None:
    for text in ("a", "b"):
        first, again = Draws(text), Draws(text)
        assert np.array_equal(first.words(5), again.words(5))
        assert np.array_equal(first.uniform((2, 3)), again.uniform((2, 3)))
    assert not np.array_equal(Draws("a").words(5), Draws("b").words(5))


def test_words_are_read_big_endian() -> None:
    digest = hashlib.shake_256(b"a/0").digest(16)
    assert Draws("a").words(2).tolist() == [
        int.from_bytes(digest[:8], "big"),
        int.from_bytes(digest[8:], "big"),
    ]


def test_no_call_repeats_another() -> None:
    draws = Draws("a")
    words = [word for size in (100, 1, 100) for word in draws.words(size).tolist()]
    assert len(set(words)) == 201


def test_integers_are_uniform_with_both_ends() -> None:
    values, counts = np.unique(Draws("a").integers(20, 25, 6000), return_counts=True)
    assert values.tolist() == [20, 21, 22, 23, 24, 25]
    assert 900 < counts.min() and counts.max() < 1100
    assert Draws("a").integers(3, 3, (2, 2)).tolist() == [[3, 3], [3, 3]]


def test_the_high_end_may_differ_by_place() -> None:
    high = np.array([[0, 1], [2, 9]])
    drawn = np.stack([Draws(str(n)).integers(0, high, (2, 2)) for n in range(300)])
    assert drawn.min(axis=(0)).tolist() == [[0, 0], [0, 0]]
    assert np.array_equal(drawn.max(axis=0), high)


def test_uniform_lies_in_zero_to_one() -> None:
    drawn = Draws("a").uniform((100, 100))
    assert drawn.shape == (100, 100)
    assert 0 <= drawn.min() < 0.001 and 0.999 < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.01
