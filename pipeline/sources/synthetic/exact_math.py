"""Arithmetic that gives the same bits on every processor.

IEEE 754 fixes what +, -, *, /, square roots, roundings and comparisons give, and numpy does them
one element at a time: these are the same everywhere. Exponentials, sines and powers are not, as
their makers have other code for every processor; nor is a sum of floats, whose order is left open,
nor a product of matrices, where a multiplication and an addition may be fused into one.

So the functions here are built of the fixed operations alone, and sums and products are taken of
numbers on a grid so coarse that no step ever rounds: then neither order nor fusing matters.
"""

from itertools import accumulate
from operator import mul
from typing import Any

import numpy as np
import numpy.typing as npt

# float32 or float64; the stubs cannot tell that float32 times a Python float stays float32.
Floats = npt.NDArray[np.floating[Any]]

_BITS = 53  # of a float64's mantissa
_FACTORIALS = tuple(accumulate(range(1, 14), mul, initial=1))  # of 0 to 13
_LN2 = 0.6931471805599453
_TURN = 6.283185307179586


def on_grid(values: Floats, bits: int) -> Floats:
    """`values` rounded to whole multiples, up to 2 ** bits, of a power of two; float64."""
    _, exponent = np.frexp(max(float(values.max()), -float(values.min())))
    whole: Floats = np.multiply(values, np.ldexp(1.0, bits - exponent), dtype=np.float64)
    np.rint(whole, out=whole)
    whole *= np.ldexp(1.0, exponent - bits)
    return whole


def mean(values: Floats, axis: int | None = None) -> Floats:
    """The mean over `axis`, or of all values (then of shape ()); float64, to 2 ** -32 of the
    largest value."""
    number = values.size if axis is None else values.shape[axis]
    assert number <= 1 << (_BITS - 32)
    return np.asarray(on_grid(values, 32).sum(axis) / number, np.float64)


def standard(values: Floats) -> Floats:
    """`values` with mean 0 and deviation 1."""
    centred = values - mean(values)
    return np.asarray(centred / (np.sqrt(mean(centred * centred)) + 1e-6), np.float32)


def product(first: Floats, second: Floats) -> Floats:
    """The product of two matrices, float64, to about 2 ** -20 of the largest factors."""
    terms = int(np.frexp(first.shape[1] - 0.5)[1])  # of one element's sum, as a power of two
    return np.asarray(on_grid(first, 20) @ on_grid(second, _BITS - 20 - terms), np.float64)


def exp(x: Floats | float) -> Floats:
    """e ** x: float32 to 5e-6 for a float32 array, else float64 to 1e-14; what is too small for a
    normal number is about 1e-38 (1e-304)."""
    x = _floats(x)
    single = x.dtype == np.float32
    x = np.clip(x, *((-87, 87) if single else (-700, 700)))
    power = np.asarray(np.rint(x * x.dtype.type(1 / _LN2)))
    rest = x - power * x.dtype.type(_LN2)
    terms = 5 if single else 13
    series = np.full_like(rest, 1 / _FACTORIALS[terms])
    for factorial in _FACTORIALS[terms - 1 :: -1]:
        series *= rest
        series += x.dtype.type(1 / factorial)
    # The power of two by its bits: the exponent stands above the mantissa's 23 (52).
    if single:
        bits = (power + 127).astype(np.int32) << 23
        return np.asarray(series * bits.view(np.float32))
    return np.asarray(series * ((power + 1023).astype(np.int64) << 52).view(np.float64))


def log(x: Floats | float) -> Floats:
    """The natural logarithm of x > 0, of `exp`'s types and errors."""
    x = _floats(x)
    assert x.size == 0 or x.min() > 0
    fraction, exponent = np.frexp(x)
    small = fraction < x.dtype.type(0.7071067811865476)
    fraction = np.where(small, 2 * fraction, fraction)  # 0.7 to 1.4
    ratio = (fraction - 1) / (fraction + 1)
    squared = ratio * ratio
    series = np.zeros_like(ratio)
    for k in range(7 if x.dtype == np.float32 else 21, 0, -2):
        series = series * squared + x.dtype.type(2 / k)
    return np.asarray(series * ratio + (exponent - small).astype(x.dtype) * x.dtype.type(_LN2))


def power(x: Floats | float, exponent: float) -> Floats:
    """x ** exponent for x >= 0 and exponent > 0."""
    x = _floats(x)
    tiny = np.finfo(x.dtype).tiny
    raised = exp(log(np.maximum(x, tiny)) * x.dtype.type(exponent))
    return np.where(x >= tiny, raised, x.dtype.type(0))


def sin(x: Floats | float) -> Floats:
    """The sine of x in rad, of `exp`'s types; to 5e-6 (float64: 1e-14) out to some turns."""
    x = _floats(x)
    turns = x * x.dtype.type(1 / _TURN)
    turns = turns - np.rint(turns)  # -1/2 to 1/2
    quarter = x.dtype.type(0.25) - np.abs(np.abs(turns) - x.dtype.type(0.25))
    angle = quarter * x.dtype.type(_TURN)
    squared = angle * angle
    series = np.ones_like(angle)
    for k in range(11 if x.dtype == np.float32 else 23, 1, -2):
        series = 1 - series * squared / x.dtype.type(k * (k - 1))
    return np.asarray(np.where(turns < 0, -angle, angle) * series)


def cos(x: Floats | float) -> Floats:
    x = _floats(x)
    return sin(x + x.dtype.type(_TURN / 4))


def hypot(x: Floats, y: Floats) -> Floats:
    return np.asarray(np.sqrt(x * x + y * y))


def _floats(x: Floats | float) -> Floats:
    x = np.asarray(x)
    return x if x.dtype == np.float32 else x.astype(np.float64)
