"""A fill by patches of the image's own context: Criminisi, Perez and Toyama 2004.

From the hole's border inwards, first where most of a patch is known and a strong edge runs into the
hole, the patch is completed from the one that is most like it among all wholly known ones. No
chance: of equals the first in raster order is taken, and all sums are of whole numbers.
"""

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.inpainting.nearest import nearest

SIDE = 9  # px of a patch, as published; smaller where the context holds no whole one
SMALLEST_SIDE = 3  # px; less than that has no texture to copy
# Of an edge that runs along the border, so that it is filled at all; published: no figure.
LEAST_EDGE = 1e-3
CENTRE = 128  # grey levels; patches less this have sums that 32-bit floats hold exactly


def patch_copy(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """HWC uint8, HW bool with some context; without a whole patch, the nearest pixels' colours."""
    side = _fitting_side(mask)
    if side is None:
        return nearest(image, mask)
    return _Filling(image, mask, side).run()


def _fitting_side(mask: np.ndarray) -> int | None:
    """The largest patch that lies somewhere in the context as a whole."""
    for side in range(min(SIDE, *mask.shape), SMALLEST_SIDE - 1, -1):
        if side % 2 and _is_whole(mask, side).any():
            return side
    return None


def _is_whole(mask: np.ndarray, side: int) -> np.ndarray:
    """(H - side + 1, W - side + 1): whether the patch that begins there is wholly known."""
    missing: np.ndarray = sliding_window_view(mask, (side, side)).max(axis=(2, 3))
    return ~missing


class _Filling:
    """An image on its way to being filled."""

    def __init__(self, image: np.ndarray, mask: np.ndarray, side: int) -> None:
        self._side, self._reach = side, side // 2
        reach = self._reach
        self._height, self._width = mask.shape
        # A margin that is never known saves every patch the question whether it is whole.
        margins = [(reach, reach), (reach, reach)]
        self._image = np.pad(image.astype(np.float32) - CENTRE, [*margins, (0, 0)])
        self._known = np.pad(~mask, margins)
        self._confidence = self._known.astype(np.float64)
        windows = sliding_window_view(image, (side, side), axis=(0, 1))[_is_whole(mask, side)]
        patches = windows.transpose(0, 2, 3, 1).astype(np.float32) - CENTRE
        self._patches = patches  # (N, side, side, C)
        flat = patches.reshape(len(patches), -1)
        # Against [known, known * target] their product is the squared distance, but for a constant.
        self._terms = np.concatenate([flat**2, -2 * flat], axis=1)

    def run(self) -> np.ndarray:
        reach = self._reach
        inside = slice(reach, reach + self._height), slice(reach, reach + self._width)
        while not self._known[inside].all():
            self._fill_around(*self._next_place())
        levels: np.ndarray = self._image[inside] + CENTRE
        return levels.astype(np.uint8)

    def _next_place(self) -> tuple[int, int]:
        """The hole's border pixel of highest priority: row, column with the margin."""
        known = self._known.astype(np.uint8)
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        front = (cv2.dilate(known, cross) > 0) & ~self._known & self._is_inside
        rows, columns = np.nonzero(front)
        size = (self._side, self._side)
        means = cv2.boxFilter(self._confidence, -1, size, borderType=cv2.BORDER_CONSTANT)
        priority = means[rows, columns] * (self._edges(rows, columns) + LEAST_EDGE)
        best = int(np.argmax(priority))
        return int(rows[best]), int(columns[best])

    @property
    def _is_inside(self) -> np.ndarray:
        inside = np.zeros(self._known.shape, bool)
        inside[
            self._reach : self._reach + self._height, self._reach : self._reach + self._width
        ] = True
        return inside

    def _edges(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """How strongly an edge runs into the hole at each place, 0..1.

        Of the steepest place nearby with known neighbours: its gradient turned by a right angle,
        along the border's normal.
        """
        grey = self._image.mean(axis=2, dtype=np.float64)
        whole = cv2.erode(self._known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        down, right = (np.where(whole, each, 0) for each in np.gradient(grey))
        steepness = np.hypot(down, right)
        around = self._patch_indices(rows, columns)
        steepest = np.argmax(steepness[around], axis=1)
        at = tuple(index[np.arange(len(rows)), steepest] for index in around)
        known = self._known.astype(np.float64)
        normal = np.stack([cv2.Sobel(known, -1, 0, 1), cv2.Sobel(known, -1, 1, 0)])
        normal = normal[:, rows, columns]
        length = np.hypot(*normal)
        across = np.abs(-right[at] * normal[0] + down[at] * normal[1])
        strength: np.ndarray = across / np.where(length > 0, length, 1) / 255
        return strength

    def _patch_indices(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, ...]:
        """(N, side * side) rows and columns of the patches around the places."""
        offsets = np.arange(-self._reach, self._reach + 1)
        down, right = (each.ravel() for each in np.meshgrid(offsets, offsets, indexing="ij"))
        return rows[:, None] + down, columns[:, None] + right

    def _fill_around(self, row: int, column: int) -> None:
        reach = self._reach
        patch = slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1)
        known, target = self._known[patch], self._image[patch]
        counted = np.broadcast_to(known[..., None], target.shape).astype(np.float32)
        asked = np.concatenate([counted.ravel(), (counted * target).ravel()])
        # einsum and not a matrix product: BLAS would start threads in every worker.
        distances = np.einsum("ij,j->i", self._terms, asked)
        source = self._patches[int(np.argmin(distances))]
        new = ~known & self._is_inside[patch]
        self._image[patch][new] = source[new]
        self._confidence[patch][new] = self._confidence[patch].mean()
        self._known[patch][new] = True
