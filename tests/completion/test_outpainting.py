"""Images continued beyond their sides, with a stand-in that tells what it was shown."""

import math
from typing import Any

import numpy as np
import pytest

from pipeline.completion.outpainting import canvas, extend, outpaint
from support.stand_in_network import MeanNetwork


class Repeater(MeanNetwork):
    """Fills each row's hole with the row's last known pixel plus one grey level."""

    def __call__(self, windows: np.ndarray, masks: np.ndarray, seed: int) -> np.ndarray:
        super().__call__(windows, masks, seed)
        last = int(np.flatnonzero(~masks[0, 0])[-1])
        return np.broadcast_to(windows[:, :, last : last + 1] + 1, windows.shape)


def noise(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 200, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (40, 64), (67, 65), (192, 256)])
@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.5, 1.3])
@pytest.mark.parametrize(
    "sides", [["right"], ["left", "right"], ["top"], ["bottom", "left"], ["left", "right", "top"]]
)
def test_size_is_exact_and_the_picture_is_inside(
    size: tuple[int, int], ratio: float, sides: Any
) -> None:
    image = noise(*size)
    wide, new = canvas(image, ratio, sides)
    axes = [{"top", "bottom"} & set(sides), {"left", "right"} & set(sides)]
    growths = [
        max(1, math.floor(ratio * length + 0.5)) if axis else 0
        for length, axis in zip(size, axes, strict=True)
    ]
    assert new.shape == (size[0] + growths[0], size[1] + growths[1])
    top = -(-growths[0] // 2) if len(axes[0]) == 2 else growths[0] * ("top" in sides)
    left = -(-growths[1] // 2) if len(axes[1]) == 2 else growths[1] * ("left" in sides)
    made = outpaint(MeanNetwork(), wide, new, sides, blend="feather", seed=0)
    assert made.shape == wide.shape and made.dtype == np.uint8
    assert np.array_equal(made[top : top + size[0], left : left + size[1]], image)
    assert not new[top : top + size[0], left : left + size[1]].any()


@pytest.mark.parametrize("sides", [["left", "right"], ["top", "bottom"]])
def test_a_plain_picture_stays_plain(sides: Any) -> None:
    image = np.full((150, 210, 3), (200, 90, 30), np.uint8)
    wide, new = canvas(image, 0.5, sides)
    made = outpaint(MeanNetwork(), wide, new, sides, blend="feather", seed=0)
    assert (made == image[0, 0]).all()


def test_each_pass_sees_what_the_one_before_has_made() -> None:
    """Strips of 8 px, of which the outer 4 fade into the next: 8, then 4 more a pass."""
    network, image = Repeater(32), noise(32, 40)
    wide = extend(network, image, 16, "right")
    assert len(network.windows) == 3
    grey = wide[:, 40:].astype(int) - image[:, -1:]
    assert (grey[:, [0, 1, 2, 3, 7, 11, 15]] == np.array([1, 1, 1, 1, 2, 3, 3])[:, None]).all()


class Lighter(MeanNetwork):
    """Each pass is 20 grey levels lighter than what it continues."""

    def __call__(self, windows: np.ndarray, masks: np.ndarray, seed: int) -> np.ndarray:
        last = int(np.flatnonzero(~masks[0, 0])[-1])
        return np.broadcast_to(windows[:, :, last : last + 1] + 20, windows.shape)


def test_no_line_between_strips() -> None:
    """The 20 grey levels of a pass are several steps; without the fading they would be one."""
    wide = extend(Lighter(32), np.full((32, 40, 3), 100, np.uint8), 24, "right").astype(int)
    assert wide[0, -1, 0] >= 160
    assert np.abs(np.diff(wide[:, 40:], axis=1)).max() < 10


def test_windows_are_squares_with_the_strip_masked() -> None:
    network, image = Repeater(32), noise(32, 40)
    extend(network, image, 6, "right")
    (window,), (mask,) = network.windows, network.masks
    assert mask.sum() == 32 * 8 and mask[:, 24:].all()
    assert np.array_equal(window[:, :24], image[:, -24:])


def test_narrow_pictures_are_continued_by_their_mirror_image() -> None:
    network, image = Repeater(32), noise(32, 14)
    extend(network, image, 6, "right")
    (window,) = network.windows
    assert np.array_equal(window[:, 10:24], image)
    assert np.array_equal(window[:, :10], image[:, 9::-1])


def test_left_is_the_mirrored_right() -> None:
    image = noise(32, 40)
    left = extend(Repeater(32), image, 12, "left")
    right = extend(Repeater(32), image[:, ::-1], 12, "right")
    assert np.array_equal(left, right[:, ::-1])


def test_above_and_below_windows_stand_upright() -> None:
    image = noise(40, 32)
    for side in ("top", "bottom"):
        network = MeanNetwork(32)
        extend(network, image, 6, side)
        (window,), (mask,) = network.windows, network.masks
        if side == "top":
            assert mask[:8].all() and np.array_equal(window[8:], image[:24])
        else:
            assert mask[24:].all() and np.array_equal(window[:24], image[-24:])


def test_long_edges_take_windows_side_by_side() -> None:
    network, image = MeanNetwork(32), noise(80, 40)
    wide = extend(network, image, 6, "right")
    assert wide.shape == (80, 46, 3) and len(network.windows) == 4
    assert np.array_equal(wide[:, :40], image)


@pytest.mark.parametrize(
    "ratio, sides, words",
    [
        (0, ["right"], "extension ratio is 0"),
        (5, ["right"], "at most 4"),
        (float("nan"), ["right"], "extension ratio is nan"),
        (0.5, [], "sides are none"),
        (0.5, ["up"], "sides are up, but must be some of: left, right, top, bottom"),
        (0.5, ["left", "left"], "sides are left, left"),
    ],
)
def test_bad_requests_are_refused(ratio: float, sides: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        canvas(noise(32, 40), ratio, sides)
