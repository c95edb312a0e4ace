"""Windows of an image, as large as the network's, around the tiles that it completes in them."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.completion.network import Network
from pipeline.completion.watched import Watched
from pipeline.shards.rectangle import Rectangle

# Windows that the network gets at once: what a GPU asks for, and little memory in a wide network.
WINDOWS_AT_ONCE = 32


def completed_tiles(
    network: Network,
    picture: np.ndarray,  # HWC uint8
    hole: np.ndarray,  # HW bool
    tiles: Sequence[Rectangle],  # inside the image, no larger than a window
    seed: int,
) -> Iterator[tuple[Rectangle, np.ndarray]]:
    """Each tile with what the network makes of it: (height, width, 3) uint8."""
    size = network.image_size
    if isinstance(network, Watched):
        network.expect(len(tiles))
    for start in range(0, len(tiles), WINDOWS_AT_ONCE):
        some = tiles[start : start + WINDOWS_AT_ONCE]
        corners = [_corner(tile, picture.shape, size) for tile in some]
        windows = np.empty((len(some), size, size, 3), np.uint8)
        masks = np.empty((len(some), size, size), bool)
        for (top, left), window, mask in zip(corners, windows, masks, strict=True):
            rows = mirrored(top, size, picture.shape[0])
            columns = mirrored(left, size, picture.shape[1])
            window[:] = picture[rows[:, None], columns]
            mask[:] = hole[rows[:, None], columns]
        outputs = network(windows, masks, seed)
        for tile, (top, left), output in zip(some, corners, outputs, strict=True):
            place = Rectangle(tile.top - top, tile.left - left, tile.height, tile.width)
            yield tile, output[place.rows, place.columns]


def mirrored(first: int, num: int, size: int) -> np.ndarray:
    """(num,): lines from `first` on of what has `size` lines and its mirror images around it."""
    lines = np.arange(first, first + num) % (2 * size)
    return np.minimum(lines, 2 * size - 1 - lines)


def _corner(tile: Rectangle, shape: Sequence[int], size: int) -> tuple[int, int]:
    """Of a window with the tile in its middle, or off it where the image ends."""
    return _first(tile.top, tile.height, shape[0], size), _first(
        tile.left, tile.width, shape[1], size
    )


def _first(start: int, length: int, num: int, size: int) -> int:
    """The window's first line; of an image smaller than the window, mirror images all around."""
    assert start >= 0 and length <= size and start + length <= num
    if num < size:
        return -((size - num) // 2)
    return min(max(start + length // 2 - size // 2, 0), num - size)
