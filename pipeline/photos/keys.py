"""The key of a photo: one name for it from the index to the final shards."""

import hashlib
import re
from collections.abc import Iterable

import numpy as np

_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")


def key_of(path: str) -> str:
    """`path` with / as -, other characters as _hex, plus 8 hex digits of its sha256.

    No dots: webdataset takes all before the first dot as the key, so that `b.v1.png` and
    `b.v2.png` would become one sample.
    """
    readable = _UNSAFE.sub(_escape, path.replace("/", "-"))
    return f"{readable}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def _escape(match: re.Match[str]) -> str:
    return f"_{match.group().encode().hex()}"


def shuffled(keys: Iterable[str], *, seed: int) -> list[str]:
    """`keys` in the order of a seeded hash: new keys fall in between and move no others."""
    return sorted(keys, key=lambda key: _order(key, seed))


def shuffle_numbers(keys: Iterable[str], *, seed: int) -> np.ndarray:
    """The first eight bytes of those hashes, uint64: the same order without the keys at hand."""
    return np.array([int.from_bytes(_order(key, seed)[:8]) for key in keys], np.uint64)


def _order(key: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/order/{key}".encode()).digest()
