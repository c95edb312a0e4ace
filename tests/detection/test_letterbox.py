import numpy as np
import pytest

from pipeline.detection.letterbox import PADDING, letterbox, place, unfit

SHAPES = [(256, 256), (150, 150), (480, 640), (640, 480), (1, 1), (1, 3000), (3000, 1), (255, 257)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [64, 256, 416])
def test_a_photo_lies_in_the_middle_of_its_square(shape: tuple[int, int], size: int) -> None:
    square = np.zeros((size, size, 3), np.uint8)
    letterbox(np.full((*shape, 3), 200, np.uint8), square)
    top, left, height, width = place(*shape, size)
    assert max(height, width) == size and min(height, width) >= 1
    inside = square[top : top + height, left : left + width]
    assert inside.shape[:2] == (height, width) and (inside == 200).all()
    assert (square == 200).sum() == inside.size
    assert ((square == 200) | (square == PADDING)).all()
    assert abs(2 * top + height - size) <= 1 and abs(2 * left + width - size) <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_corners_come_back_to_the_photo(shape: tuple[int, int]) -> None:
    height, width = shape
    top, left, fitted_height, fitted_width = place(height, width, 416)
    square = np.array([[left, top, left + fitted_width, top + fitted_height]])
    assert unfit(square, height, width, 416)[0] == pytest.approx([0, 0, width, height])
