"""Holes of any size in images of any size: what stays, what is seen, what is made."""

import numpy as np
import pytest

from pipeline.completion.blends import Blend
from pipeline.completion.completion import complete
from support.stand_in_network import MeanNetwork

SIZES = [(1, 2), (1, 90), (63, 65), (64, 64), (67, 131), (480, 640)]
BLENDS: list[Blend] = ["none", "feather", "poisson"]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def mask_of(shape: tuple[int, int], *holes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for top, left, height, width in holes:
        mask[top : top + height, left : left + width] = True
    return mask


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("size", SIZES)
def test_known_pixels_stay_bit_for_bit(size: tuple[int, int], blend: Blend) -> None:
    """Holes of a tenth and of half of each side, in a corner and in the middle."""
    image = noise(*size)
    height, width = size
    for share in (10, 2):
        sides = max(1, height // share), max(1, width // share)
        for corner in ((0, 0), (height // 3, width // 3)):
            mask = mask_of(size, (*corner, *sides))
            completed = complete(MeanNetwork(), image, mask, blend=blend, seed=0)
            assert completed.shape == image.shape and completed.dtype == np.uint8
            assert np.array_equal(completed[~mask], image[~mask])


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("hole", [(20, 20, 22, 22), (0, 150, 10, 10), (40, 30, 90, 130)])
def test_no_pixel_of_a_hole_has_an_influence(hole: tuple[int, int, int, int], blend: Blend) -> None:
    mask = mask_of((160, 200), hole, (130, 5, 20, 20))
    image = noise(160, 200)
    other = np.where(mask[..., None], noise(160, 200, seed=1), image)
    one, two = (complete(MeanNetwork(), each, mask, blend=blend, seed=0) for each in (image, other))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("hole", [(10, 20, 25, 22), (0, 0, 25, 25), (135, 175, 25, 25)])
def test_a_short_hole_takes_one_window_at_full_size(hole: tuple[int, int, int, int]) -> None:
    network, image, mask = MeanNetwork(), noise(160, 200), mask_of((160, 200), hole)
    complete(network, image, mask, blend="none", seed=0)
    (window,), (seen,) = network.windows, network.masks
    assert seen.sum() == mask.sum()
    top, left = (
        min(max(hole[axis] + hole[axis + 2] // 2 - 32, 0), (96, 136)[axis]) for axis in (0, 1)
    )
    shown = image[top : top + 64, left : left + 64]
    assert np.array_equal(window[~seen], shown[~seen]) and not window[seen].any()


def test_a_thick_hole_takes_one_window_at_the_scale_where_it_fits() -> None:
    """100 px are four times 25."""
    network, mask = MeanNetwork(), mask_of((256, 256), (80, 80, 100, 100))
    complete(network, noise(256, 256), mask, blend="none", seed=0)
    assert [int(seen.sum()) for seen in network.masks] == [25 * 25]


def test_a_thin_hole_is_completed_at_full_size_however_long() -> None:
    """Tiles of 32 px, a quarter overlapping, along a wire of 200 px that is 4 px thick."""
    network, image = MeanNetwork(), noise(256, 256)
    mask = mask_of((256, 256), (100, 30, 4, 200))
    complete(network, image, mask, blend="none", seed=0)
    assert len(network.windows) == 8
    for window, seen in zip(network.windows, network.masks, strict=True):
        assert seen.sum() == 4 * seen[seen.any(axis=1)][0].sum() and seen.sum() >= 4 * 32
        assert any(
            np.array_equal(window[~seen], image[80:144, left : left + 64][~seen])
            or np.array_equal(window[~seen], image[70:134, left : left + 64][~seen])
            for left in range(193)
        )


def test_detail_comes_from_known_pixels_of_the_same_kind() -> None:
    """Grass below a plain sky: the hole's lower half gets grass, its upper half nothing."""
    rng = np.random.default_rng(0)
    image = np.full((300, 300, 3), (90, 140, 200), np.uint8)
    image[150:] = np.clip((60, 110, 40) + 40 * rng.standard_normal((150, 300, 1)), 0, 255)
    mask = mask_of((300, 300), (100, 100, 100, 100))
    hole = complete(Blurred(), image, mask, blend="none", seed=0)[100:200, 100:200].astype(float)
    assert hole[5:35].std(axis=(0, 1)).max() < 6
    assert hole[70:95].std(axis=(0, 1)).min() > 12
    # Of a fine grain as the grass: neighbours are unlike.
    steps = np.abs(np.diff(hole[70:95], axis=1)).mean()
    assert steps > 0.3 * np.abs(np.diff(image[200:].astype(float), axis=1)).mean()


class Blurred(MeanNetwork):
    """Continues each row from its ends, as a smooth network would: without any grain."""

    def __call__(self, windows: np.ndarray, masks: np.ndarray, seed: int) -> np.ndarray:
        super().__call__(windows, masks, seed)
        weight = ~masks[..., None]
        rows = (windows * weight).sum(axis=2, keepdims=True) / weight.sum(axis=2, keepdims=True)
        return np.broadcast_to(np.rint(rows).astype(np.uint8), windows.shape)


@pytest.mark.parametrize("gap, num_windows, num_masked", [(20, 2, 440), (30, 2, 400)])
def test_each_of_two_holes_sees_the_other_masked(
    gap: int, num_windows: int, num_masked: int
) -> None:
    """A window reaches 22 px from the border of a hole of 20: 2 columns of the other at 20 px."""
    network = MeanNetwork()
    mask = mask_of((200, 200), (80, 60, 20, 20), (80, 80 + gap, 20, 20))
    complete(network, noise(200, 200), mask, blend="none", seed=0)
    assert [seen.sum() for seen in network.masks] == [num_masked] * num_windows


def test_two_close_holes_are_completed_together() -> None:
    network, mask = MeanNetwork(), mask_of((200, 200), (80, 60, 8, 8), (80, 77, 8, 8))
    complete(network, noise(200, 200), mask, blend="none", seed=0)
    (seen,) = network.masks
    assert seen.sum() == 2 * 8 * 8


@pytest.mark.parametrize("size", [(3000, 4000)])
@pytest.mark.parametrize("hole", [(100, 200, 20, 24), (700, 800, 1500, 2000)])
def test_a_large_picture(size: tuple[int, int], hole: tuple[int, int, int, int]) -> None:
    image = np.kron(noise(30, 40), np.ones((100, 100, 1), np.uint8))
    mask = mask_of(size, hole)
    completed = complete(MeanNetwork(), image, mask, blend="feather", seed=0)
    assert np.array_equal(completed[~mask], image[~mask])
    assert completed[mask].any()


def test_a_plain_picture_stays_plain() -> None:
    """Wherever the hole is: no scale, tile or blend adds anything of its own."""
    image = np.full((150, 210, 3), (200, 90, 30), np.uint8)
    for blend in BLENDS:
        for hole in ((0, 0, 24, 20), (30, 40, 100, 110), (100, 180, 50, 30)):
            mask = mask_of((150, 210), hole)
            completed = complete(MeanNetwork(), image, mask, blend=blend, seed=0)
            # seamlessClone rounds at each of its steps.
            assert np.abs(completed.astype(int) - image).max() <= (2 if blend == "poisson" else 0)


def test_nothing_known_is_an_error_and_no_hole_is_none() -> None:
    image = noise(30, 40)
    with pytest.raises(ValueError, match="covers the whole image"):
        complete(MeanNetwork(), image, np.ones((30, 40), bool), blend="feather", seed=0)
    nothing = complete(MeanNetwork(), image, np.zeros((30, 40), bool), blend="feather", seed=0)
    assert np.array_equal(nothing, image)


def test_scattered_pixels() -> None:
    rng = np.random.default_rng(0)
    image, mask = noise(100, 120), rng.random((100, 120)) < 0.5
    completed = complete(MeanNetwork(), image, mask, blend="feather", seed=0)
    assert np.array_equal(completed[~mask], image[~mask])
