"""Random numbers that are a function of a text alone.

A hash, not a generator: the same numbers in any process, in any order, under any numpy.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Shape = int | tuple[int, ...]


class Draws:
    """The stream of `text`: every call goes on where the last one ended."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.num_calls = 0

    def integers(self, low: int, high: int | Integers, shape: Shape) -> Integers:
        """Whole numbers, uniform in low .. high, both included; `high` is broadcast to `shape`."""
        num_values = np.asarray(high - low + 1, dtype=np.uint64)
        # Modulo of a 64-bit draw by less than 2**10: the bias is below 2**-54.
        return low + (self.words(shape) % num_values).astype(np.int64)

    def uniform(self, shape: Shape) -> NDArray[np.float64]:
        """Uniform in [0, 1), in steps of 2**-53."""
        return (self.words(shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def words(self, shape: Shape) -> NDArray[np.uint64]:
        """64 random bits each."""
        text = f"{self.text}/{self.num_calls}"
        self.num_calls += 1
        digest = hashlib.shake_256(text.encode()).digest(8 * int(np.prod(shape)))
        # Big-endian in the stream, so that every machine reads the same numbers from it.
        return np.frombuffer(digest, dtype=">u8").astype(np.uint64).reshape(shape)
