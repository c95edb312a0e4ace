import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.metrics import hole_figures as module
from pipeline.metrics.hole_figures import (
    PSNR_CAP,
    detail_ratio,
    diversity,
    hole_figures,
    hole_l1,
    hole_psnr,
    seam_ratio,
)
from pipeline.metrics.image_metrics import completion_metrics
from pipeline.metrics.pooled_ratio import MAX_RATIO, pooled_ratio
from pipeline.shards.rectangle import Rectangle

SIZE = 24
NUM = 6
WHOLE = Rectangle(0, 0, SIZE, SIZE)


def noise(seed: int, num: int = NUM) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (num, SIZE, SIZE, 3), dtype=np.uint8))


def empty_mask(num: int = NUM) -> Tensor:
    return torch.zeros(num, 1, SIZE, SIZE, dtype=torch.bool)


def rectangles() -> Tensor:
    mask = empty_mask()
    for number in range(NUM):
        mask[number, 0, 3 + number : 11 + number, 5 : 14 - number] = True
    return mask


def strips() -> Tensor:
    mask = empty_mask()
    mask[:, :, :, -7:] = True  # to the image's edge
    return mask


def strokes() -> Tensor:
    """One pixel wide, and single pixels, also in the corners."""
    mask = empty_mask()
    mask[:, 0, torch.arange(SIZE), torch.arange(SIZE)] = True
    mask[:, 0, 5, 2:20] = True
    return mask


def scattered() -> Tensor:
    return torch.from_numpy(np.random.default_rng(7).random((NUM, 1, SIZE, SIZE)) < 0.3)


def whole() -> Tensor:
    return ~empty_mask()


SHAPES = [rectangles, strips, strokes, scattered, whole]
EVERYWHERE = torch.tensor([[0, 0, SIZE, SIZE]] * NUM)
BOXES = torch.tensor([[2 + n, 1, 14, 15] for n in range(NUM)])

shapes = pytest.mark.parametrize("shape", SHAPES)


def fill(original: Tensor, mask: Tensor, inside: Tensor | int) -> Tensor:
    """`original` with `inside` in the hole."""
    values = torch.as_tensor(inside, dtype=torch.uint8)
    return torch.where(mask.permute(0, 2, 3, 1), values, original)


@shapes
def test_equal_pictures(shape: Callable[[], Tensor]) -> None:
    assert hole_figures(noise(0), noise(0), shape(), BOXES) == {
        "hole_l1": 0.0,
        "hole_psnr": PSNR_CAP,
        "seam_ratio": 1.0,
        "detail_ratio": 1.0,
        "diversity": 1.0,
    }


@shapes
def test_l1_psnr_and_detail_are_those_of_the_evaluation(shape: Callable[[], Tensor]) -> None:
    """One definition for the training's curves and the evaluation's tables."""
    mask = shape()
    completed, original = fill(noise(0), mask, noise(1)), noise(0)
    scores = [
        completion_metrics([picture.numpy()], truth.numpy(), hole.numpy(), WHOLE)[0]
        for picture, truth, hole in zip(completed, original, mask[:, 0], strict=True)
    ]
    for name, figure in (("hole_l1", hole_l1), ("hole_psnr", hole_psnr)):
        mean = np.mean([score[name] for score in scores])
        assert figure(completed, original, mask) == pytest.approx(mean, rel=1e-5)
    sums = [sum(score[name] for score in scores) for name in ("detail", "original_detail")]
    assert detail_ratio(completed, original, mask) == pooled_ratio(*sums)


@shapes
def test_seam_ratio_is_that_of_a_plain_loop(shape: Callable[[], Tensor]) -> None:
    mask = shape()
    completed, original = fill(noise(0), mask, noise(1)), noise(0)
    sums = [0, 0]
    for number, pictures in enumerate((completed.int(), original.int())):
        for n, row, column in np.ndindex(NUM, SIZE, SIZE):
            for other in ((row + 1, column), (row, column + 1)):
                if max(other) < SIZE and mask[n, 0, row, column] != mask[n, 0, *other]:
                    steps = pictures[n, row, column] - pictures[n, *other]
                    sums[number] += int(steps.abs().sum())
    expected = sums[0] / sums[1] if sums[1] else 1.0
    assert seam_ratio(completed, original, mask) == expected


@shapes
def test_detail_ratio_is_that_of_a_plain_loop(shape: Callable[[], Tensor]) -> None:
    mask = shape()
    completed, original = fill(noise(0), mask, noise(1)), noise(0)
    sums = [0, 0]
    for number, pictures in enumerate((completed.int(), original.int())):
        for n, row, column in mask[:, 0].nonzero().tolist():
            neighbours = [
                (row + 1, column),
                (row - 1, column),
                (row, column + 1),
                (row, column - 1),
            ]
            inside = [p for p in neighbours if 0 <= min(p) and max(p) < SIZE and mask[n, 0, *p]]
            steps = [pictures[n, *place] - pictures[n, row, column] for place in inside]
            sums[number] += int(sum(steps).square().sum()) if steps else 0
    expected = sums[0] / sums[1] if sums[1] else 1.0
    assert detail_ratio(completed, original, mask) == expected


@shapes
@pytest.mark.parametrize("box", [EVERYWHERE, BOXES], ids=["everywhere", "boxes"])
def test_diversity_is_that_of_a_plain_loop(shape: Callable[[], Tensor], box: Tensor) -> None:
    mask = shape()
    completed, original = fill(noise(0), mask, noise(1) // 3), noise(0)
    spreads: list[list[float]] = [[], []]
    for number, pictures in enumerate((completed.numpy(), original.numpy())):
        for row, column in np.ndindex(module.CELLS, module.CELLS):
            means = [
                colours.mean(axis=0)
                for n in range(NUM)
                if len(colours := in_cell(pictures[n], mask[n, 0].numpy(), box[n], row, column))
            ]
            if len(means) > 1:
                spreads[number] += np.std(means, axis=0).tolist()
    # No box meets the strips.
    expected = np.mean(spreads[0]) / np.mean(spreads[1]) if spreads[0] else 1.0
    assert diversity(completed, original, mask, box) == pytest.approx(expected)


def in_cell(picture: Any, mask: Any, box: Tensor, row: int, column: int) -> Any:
    """(pixels, 3): the hole's in one cell of the box."""
    top, left, height, width = box.tolist()
    rows = [top + r for r in range(height) if r * module.CELLS // height == row]
    columns = [left + c for c in range(width) if c * module.CELLS // width == column]
    window = np.ix_(rows, columns)
    return picture[window][mask[window]]


def test_seam_ratio_by_hand() -> None:
    """A ramp of 2 a column; the strip is 10 brighter: 12 and 8 in place of 2 and 2."""
    ramp = (2 * torch.arange(SIZE, dtype=torch.uint8))[:, None].expand(1, SIZE, SIZE, 3)
    mask = empty_mask(1)
    mask[..., 8:12] = True
    assert seam_ratio(fill(ramp, mask, ramp + 10), ramp, mask) == 5.0


def test_a_hole_from_edge_to_edge_has_no_seam() -> None:
    assert seam_ratio(noise(1), noise(0), whole()) == 1.0


def test_detail_ratio_sees_neither_seam_nor_brightness() -> None:
    original, mask = noise(0) // 2, rectangles()
    assert detail_ratio(fill(original, mask, original + 100), original, mask) == 1.0
    assert detail_ratio(fill(original, mask, 100), original, mask) == 0.0
    assert detail_ratio(fill(original, mask, 2 * original), original, mask) == 4.0


def test_diversity_of_equal_swapped_and_fainter_fills() -> None:
    mask = rectangles()[:1].expand(NUM, -1, -1, -1)
    box = BOXES[:1].expand(NUM, -1)
    original = noise(0) // 2 * 2
    assert diversity(fill(original, mask, noise(1)[:1]), original, mask, box) == 0.0
    swapped = fill(original, mask, original.roll(1, 0))
    assert diversity(swapped, original, mask, box) == pytest.approx(1.0)
    fainter = fill(original, mask, original // 2)
    assert diversity(fainter, original, mask, box) == pytest.approx(0.5)


def test_diversity_takes_two_photos() -> None:
    mask = rectangles()[:1]
    assert diversity(fill(noise(0, 1), mask, 9), noise(0, 1), mask, BOXES[:1]) == 1.0


def test_flat_originals_have_bounded_ratios() -> None:
    flat, mask = torch.full((NUM, SIZE, SIZE, 3), 90, dtype=torch.uint8), rectangles()
    assert hole_figures(fill(flat, mask, 90), flat, mask, BOXES)["seam_ratio"] == 1.0
    figures = hole_figures(fill(flat, mask, noise(1)), flat, mask, BOXES)
    for name in ("seam_ratio", "detail_ratio", "diversity"):
        assert figures[name] == MAX_RATIO
    assert all(math.isfinite(figure) for figure in figures.values())


@shapes
def test_the_order_of_the_photos_does_not_count(shape: Callable[[], Tensor]) -> None:
    mask = shape()
    completed, original = fill(noise(0), mask, noise(1)), noise(0)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = hole_figures(completed[order], original[order], mask[order], BOXES[order])
    assert shuffled == pytest.approx(hole_figures(completed, original, mask, BOXES))


def test_a_photo_without_a_hole_is_refused() -> None:
    mask = rectangles()
    mask[2] = False
    with pytest.raises(AssertionError, match="a photo without a hole"):
        hole_figures(noise(1), noise(0), mask, BOXES)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@shapes
def test_another_device_finds_the_same(shape: Callable[[], Tensor]) -> None:
    inputs = (fill(noise(0), shape(), noise(1)), noise(0), shape(), BOXES)
    here, there = hole_figures(*inputs), hole_figures(*(each.cuda() for each in inputs))
    assert there == pytest.approx(here, rel=1e-5)
    for name in ("seam_ratio", "detail_ratio", "diversity"):
        assert there[name] == here[name]
