"""Photos that show the same when one of them is turned by 90, 180 or 270 degrees or mirrored.

A perceptual hash knows nothing of it. A turn or a mirror only swaps the frequencies of a descriptor
(pipeline/duplicates/descriptors.py) and changes signs, so what does neither is the same in all
eight positions: copies are looked for by that, and then compared in each position.
"""

from collections.abc import Iterator

import numpy as np

from pipeline.duplicates.descriptors import LENGTH, SIDE

# Cosine of the angle between descriptors from which on turned photos are copies. Higher than for
# leaks: eight positions give chance eight times the room, and this decides about the split.
SIMILARITY = 0.97

# As in pipeline/duplicates/leaks.py: neighbours in random orders.
_NUM_ORDERS = 16
_NUM_NEIGHBOURS = 4
_CODE_BITS = 64
_ROWS_AT_ONCE = 8_192


def find_turned_copies(descriptors: np.ndarray) -> np.ndarray:
    """(2, M) positions of pairs of copies, one of which is turned or mirrored.

    `descriptors` is (N, 63) int8; one that is all zero shows nothing and is nobody's copy. Pairs
    that are as alike unturned are left out, whoever groups near copies has them.
    """
    shown = np.flatnonzero(descriptors.any(axis=1))
    constant = np.empty((len(shown), LENGTH), np.uint8)
    for some in _blocks(len(shown)):
        constant[some] = _constant(descriptors[shown[some]])
    found = [np.empty((2, 0), np.int64)]
    for order in _orders(constant):
        for distance in range(1, _NUM_NEIGHBOURS + 1):
            first, second = order[:-distance], order[distance:]
            for some in _blocks(len(first)):
                pairs = _may_be_copies(constant, first[some], second[some])
                are_turned = _are_turned(*descriptors[shown[pairs]])
                found.append(shown[np.sort(pairs[:, are_turned], axis=0)])
    return np.unique(np.concatenate(found, axis=1), axis=1)


def _blocks(num: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS_AT_ONCE) for start in range(0, num, _ROWS_AT_ONCE))


def _constant(descriptors: np.ndarray) -> np.ndarray:
    """(N, 63) uint8, the same in all positions, and no two further apart than their descriptors.

    Of each two frequencies that a turn swaps the sum and the difference of their sizes.
    """
    sizes = np.abs(_grids(descriptors).astype(np.float32))
    upper, diagonal = np.triu_indices(SIDE, 1), np.arange(1, SIDE)
    across, down = sizes[:, *upper], sizes.swapaxes(1, 2)[:, *upper]
    parts = [(across + down) / np.sqrt(2), np.abs(across - down) / np.sqrt(2)]
    values = np.concatenate([*parts, sizes[:, diagonal, diagonal]], axis=1)
    return np.asarray(np.rint(values), dtype=np.uint8)


def _orders(constant: np.ndarray) -> Iterator[np.ndarray]:
    """Orders by the sides of random planes through the middle on which photos lie."""
    if len(constant) < 2:
        return
    random = np.random.default_rng(0)
    # Whole numbers: sums of floats would depend on the processor.
    middle = np.rint(constant.mean(axis=0, dtype=np.float64)).astype(np.int64)
    for _ in range(_NUM_ORDERS):
        planes = random.integers(0, 2, (LENGTH, _CODE_BITS)) * 2 - 1
        levels = (middle @ planes).astype(np.float32)
        codes = np.empty(len(constant), ">u8")
        for some in _blocks(len(constant)):
            sides = constant[some].astype(np.float32) @ planes.astype(np.float32) > levels
            codes[some] = np.packbits(sides, axis=1).view(">u8").ravel()
        yield np.argsort(codes, kind="stable")


def _may_be_copies(constant: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(2, M): those pairs that are near enough in what a turn does not change."""
    apart = constant[first].astype(np.int32) - constant[second]
    # Vectors of length 127 at the angle; each of the values is rounded twice.
    most = 127 * np.sqrt(2 - 2 * SIMILARITY) + np.sqrt(LENGTH)
    is_near = np.einsum("ij,ij->i", apart, apart) <= most**2
    return np.stack([first[is_near], second[is_near]])


def _are_turned(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(M,) bool: more alike in another position than in this one, and enough so."""
    one, other = first.astype(np.int32), second.astype(np.int32)
    lengths = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    products = np.stack([(one * each).sum(axis=1) for each in _positions(other)])
    turned = products[1:].max(axis=0, initial=0)
    return np.asarray((turned >= SIMILARITY * lengths) & (turned > products[0]))


def _positions(descriptors: np.ndarray) -> Iterator[np.ndarray]:
    """Those of the same photos in all eight positions, as they are first."""
    grids = _grids(descriptors)
    is_odd = np.arange(SIDE) % 2 == 1
    for swapped in (grids, grids.swapaxes(1, 2)):
        for rows in (1, np.where(is_odd, -1, 1)):
            for columns in (1, np.where(is_odd, -1, 1)):
                ones = np.ones(SIDE, np.int32)
                signs = np.multiply.outer(ones * rows, ones * columns, dtype=np.int32)
                yield (swapped * signs).reshape(-1, SIDE * SIDE)[:, 1:]


def _grids(descriptors: np.ndarray) -> np.ndarray:
    """(N, 8, 8) by frequencies down and across, that of the brightness 0."""
    return np.pad(descriptors, ((0, 0), (1, 0))).reshape(-1, SIDE, SIDE)
