"""The holes of a mask: which belong together, and where they are."""

from typing import NamedTuple

import cv2
import numpy as np

from pipeline.shards.rectangle import Rectangle


class Hole(NamedTuple):
    """Pixels that are completed together."""

    number: int  # in the labels
    box: Rectangle  # around them

    @property
    def length(self) -> int:
        """The longer side, px."""
        return max(self.box.height, self.box.width)


def holes_of(mask: np.ndarray, reach: int) -> tuple[list[Hole], np.ndarray]:
    """The holes of `mask` (HW bool) in raster order, and the number of each pixel's (HW int32).

    Pixels with at most `reach` known ones between them are of one hole: a window around either
    sees both.
    """
    # Half of the way from each of the two; one pixel more, and they touch.
    side = reach + 1
    near = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8))
    num, labels = cv2.connectedComponents(near, connectivity=8)
    labels[~mask] = 0
    corners = _boxes(labels, num)
    return [Hole(number, box) for number, box in corners], labels


def _boxes(labels: np.ndarray, num: int) -> list[tuple[int, Rectangle]]:
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns]
    first, last = (np.full((num, 2), extreme) for extreme in (labels.size, -1))
    for axis, lines in enumerate((rows, columns)):
        np.minimum.at(first[:, axis], numbers, lines)
        np.maximum.at(last[:, axis], numbers, lines)
    sizes = last - first + 1
    return [
        (number, Rectangle(*first[number].tolist(), *sizes[number].tolist()))
        for number in range(1, num)
    ]


def bounding(mask: np.ndarray) -> Rectangle:
    """The smallest rectangle around all True pixels; there is one."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return Rectangle(top, left, height, width)
