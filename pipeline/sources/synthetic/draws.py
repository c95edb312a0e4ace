"""Random numbers that are the same on every processor.

numpy's own normal and gamma variates call the system's logarithm; its whole numbers do not.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from pipeline.sources.synthetic import exact_math
from pipeline.sources.synthetic.exact_math import Floats

Shape = int | tuple[int, ...]
Ints = npt.NDArray[np.int64]


@cache
def _normal_quantiles() -> Floats:
    """(65536,) float32: the normal variates of equal shares, -4.3 to 4.3, ascending."""
    cells = 1024  # a unit
    edges = np.arange(-5 * cells, 5 * cells + 1) / cells
    middles = (edges[1:] + edges[:-1]) / 2
    density = np.rint(exact_math.exp(-middles * middles / 2) * (1 << 40)).astype(np.int64)
    below = np.concatenate([[0], density.cumsum()])
    wanted = (np.arange(65536) * 2 + 1) * (below[-1] / 131072)
    cell = np.searchsorted(below, wanted) - 1
    places = edges[cell] + (wanted - below[cell]) / (density[cell] * cells)
    return np.asarray(places, np.float32)


class Draws:
    """A stream of random numbers, a function of its seed alone."""

    def __init__(self, seed: int | tuple[int, ...]) -> None:
        self._generator = np.random.Generator(np.random.PCG64(seed))

    @overload
    def random(self) -> float: ...
    @overload
    def random(self, size: Shape) -> Floats: ...
    def random(self, size: Shape | None = None) -> float | Floats:
        """0 up to 1, multiples of 2 ** -53."""
        return self._generator.random(size)

    @overload
    def uniform(self, low: float, high: float) -> float: ...
    @overload
    def uniform(self, low: float, high: float, size: Shape) -> Floats: ...
    def uniform(self, low: float, high: float, size: Shape | None = None) -> float | Floats:
        return low + (high - low) * self._generator.random(size)

    @overload
    def normal(self, mean: float, deviation: float) -> float: ...
    @overload
    def normal(self, mean: Floats, deviation: float) -> Floats: ...
    @overload
    def normal(self, mean: float, deviation: float, size: Shape) -> Floats: ...
    def normal(
        self, mean: float | Floats, deviation: float, size: Shape | None = None
    ) -> float | Floats:
        """Of the shape of `mean` where there is no `size`."""
        if size is None and isinstance(mean, float | int):
            place = int(self._generator.integers(0, 65536, dtype=np.uint16))
            return mean + deviation * float(_normal_quantiles()[place])
        shape = np.shape(mean) if size is None else size
        return mean + deviation * self.standard_normal(shape).astype(np.float64)

    def standard_normal(self, size: Shape) -> Floats:
        """float32, one of 65,536 values."""
        places = self._generator.integers(0, 65536, size, dtype=np.uint16)
        return _normal_quantiles()[places]

    @overload
    def integers(self, low: int, high: int | None = None) -> int: ...
    @overload
    def integers(self, low: int, high: int | Sequence[int], size: Shape) -> Ints: ...
    def integers(
        self, low: int, high: int | Sequence[int] | None = None, size: Shape | None = None
    ) -> int | Ints:
        """`low` up to `high`, or 0 up to `low`, without the upper end."""
        return self._generator.integers(low, high, size)

    def choice(self, values: Sequence[Any], shares: Sequence[float] | None = None) -> Any:
        return self._generator.choice(values, p=shares)

    def permutation(self, values: Floats) -> Floats:
        """`values` in random order along the first axis."""
        return self._generator.permutation(values)
