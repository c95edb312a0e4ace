"""The smoothest surfaces through the context: harmonic and biharmonic fills.

Both solve a linear system on the hole's pixels: the grid's Laplacian, or its square, is zero there.
At the image's border the grid just ends, so that nothing is pulled towards it. The system depends
on the mask alone, and of the mask only on the part around the hole: holes of one size share its
factors, wherever they are.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

Order = Literal[1, 2]

# px that the squared Laplacian reaches.
REACH = 2
# Of box holes there are some 40 sizes away from the border; of other kinds hardly two are alike.
FACTORS_KEPT = 64


def harmonic(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A membrane spanned over the hole (Laplace's equation)."""
    return _smooth_fill(image, mask, 1)


def biharmonic(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A bent plate (Damelin and Hoang 2018), kept within the context's range of each channel."""
    return _smooth_fill(image, mask, 2)


def _smooth_fill(image: np.ndarray, mask: np.ndarray, order: Order) -> np.ndarray:
    """HWC uint8; the mask leaves some context."""
    # From the hole's first to its last line with REACH on either side, as far as the image goes.
    lines = [np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (slice(max(int(on[0]) - REACH, 0), int(on[-1]) + 1 + REACH) for on in lines)
    hole = np.ascontiguousarray(mask[rows, columns])
    solve, from_context = _system(hole.tobytes(), hole.shape, order)
    around = image[rows, columns].astype(np.float64)
    surface = solve(from_context @ around[~hole])
    known = image[~mask]
    filled = image.copy()
    levels = np.rint(np.clip(surface, known.min(axis=0), known.max(axis=0)))
    filled[mask] = levels.astype(np.uint8)
    return filled


@lru_cache(maxsize=FACTORS_KEPT)
def _system(
    mask_bytes: bytes, shape: tuple[int, int], order: Order
) -> tuple[Callable[[np.ndarray], np.ndarray], Any]:
    """What takes the right side to the hole's pixels, and the context's pixels to the right side.

    Both have their pixels in raster order.
    """
    hole = np.frombuffer(mask_bytes, bool)
    # The grid's Laplacian: a pixel's number of neighbours on the diagonal, -1 for each of them.
    height, width = shape
    grid = sparse.csr_array(sparse.kronsum(_path(width), _path(height), format="csr"))
    operator = grid if order == 1 else grid @ grid
    of_hole = operator[np.flatnonzero(hole)]
    inside = sparse.csc_array(of_hole[:, np.flatnonzero(hole)])
    return splu(inside).solve, -of_hole[:, np.flatnonzero(~hole)]


def _path(length: int) -> Any:
    """The Laplacian of `length` pixels in a row."""
    degree = np.full(length, 2.0)
    degree[0] -= 1
    degree[-1] -= 1
    next_to = np.full(length - 1, -1.0)
    return sparse.diags_array([next_to, degree, next_to], offsets=[-1, 0, 1])
