"""What a photo shows in 63 small numbers, which edited copies keep nearly the same.

The low frequencies of the cosine transform, weighted by frequency: smooth skies over dark ground
otherwise make all landscapes alike. Brightness and contrast drop out, and so does the colour. A
second opinion beside the perceptual hash, which keeps of each number only whether it is large.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
from PIL import Image

SIDE = 8  # frequencies each way; that of (0, 0), the brightness, is left out
LENGTH = SIDE * SIDE - 1
SHRUNK_SIDE = 64  # px
_GRID = 32  # px, side of the image that is transformed
_FLAT = 64.0  # length of a descriptor before scaling below which a photo shows nothing


def shrunk(photo: Image.Image) -> Image.Image:
    """Grey and small, short side 64 to 127 px: all that descriptor and perceptual hash need.

    From the whole photo both together would take three times as long.
    """
    return photo.convert("L").reduce(max(1, min(photo.size) // SHRUNK_SIDE))


def contrast(image: np.ndarray) -> float:
    """Levels that the middle 96 % of the pixels (HWC uint8) span, in the channel where most.

    Of some four thousand pixels on a grid: a border or a line of text on one colour is no contrast.
    """
    height, width = (max(1, length // SHRUNK_SIDE) for length in image.shape[:2])
    low, high = np.percentile(image[::height, ::width], (2, 98), axis=(0, 1))
    return round(float((high - low).max()), 1)


def descriptor(image: Image.Image) -> np.ndarray:
    """(63,) int8 of length 127, rounded; all zero for a photo that is nearly of one colour.

    `image` is a photo or what `shrunk` makes of it.
    """
    grey = image.convert("L").resize((_GRID, _GRID), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.float64)
    weighted = _basis() @ pixels @ _basis().T * _frequencies()
    values: np.ndarray = weighted.ravel()[1:]
    length = float(np.linalg.norm(values))
    if length < _FLAT:
        return np.zeros(LENGTH, dtype=np.int8)
    return np.asarray(np.rint(values * (127 / length)), dtype=np.int8)


def as_text(values: np.ndarray) -> str:
    """A descriptor in hex digits, for tables."""
    return values.tobytes().hex()


def from_texts(texts: Iterable[str]) -> np.ndarray:
    """(N, 63) int8, the inverse of `as_text`."""
    return np.frombuffer(bytes.fromhex("".join(texts)), dtype=np.int8).reshape(-1, LENGTH)


def mirrored(descriptors: np.ndarray) -> np.ndarray:
    """Descriptors (N, 63) of the same photos seen in a mirror."""
    is_odd = np.tile(np.arange(SIDE) % 2 == 1, SIDE)[1:]
    return np.where(is_odd, -descriptors, descriptors)


@cache
def _basis() -> np.ndarray:
    """(8, 32): the lowest rows of the orthonormal cosine transform."""
    phase = np.outer(np.arange(SIDE), (2 * np.arange(_GRID) + 1) * np.pi / (2 * _GRID))
    rows: np.ndarray = np.cos(phase) * np.sqrt(2 / _GRID)
    rows[0] /= np.sqrt(2)
    return rows


@cache
def _frequencies() -> np.ndarray:
    """(8, 8): how many half waves, both directions together."""
    return np.asarray(np.hypot(*np.indices((SIDE, SIDE))))
