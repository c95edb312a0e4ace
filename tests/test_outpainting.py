"""Wider pictures, with stand-ins for a generator that tell what they were shown."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.generators import Completer
from models.registry import build_generator
from pipeline.outpainting import extend


class Repeater(Completer):
    """Fills each row's hole with the row's last known pixel plus one grey level."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.windows: list[tuple[Tensor, Tensor]] = []

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        self.windows.append((image, mask))
        columns = torch.arange(image.shape[3])
        last = int((columns * (mask[0, 0, 0] == 0)).max())
        return (image[..., last : last + 1] + 1 / 127.5).expand_as(image)


def noise(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 200, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("width", [20, 32, 33, 90])
@pytest.mark.parametrize("extent", [1, 8, 21])
@pytest.mark.parametrize("sides", [["right"], ["left"], ["left", "right"]])
def test_known_pixels_stay_bit_for_bit(width: int, extent: int, sides: list[Any]) -> None:
    image = noise(32, width)
    wide = extend(Repeater(), image, extent, sides)
    assert wide.shape == (32, width + extent * len(sides), 3) and wide.dtype == np.uint8
    start = extent if "left" in sides else 0
    assert np.array_equal(wide[:, start : start + width], image)


def test_each_pass_sees_what_the_one_before_has_made() -> None:
    generator, image = Repeater(), noise(32, 40)
    wide = extend(generator, image, 21, ["right"])
    assert len(generator.windows) == 3, "8 + 8 + 5 px"
    grey = wide[:, 40:].astype(int) - image[:, -1:]
    assert (grey == np.repeat([1, 2, 3], [8, 8, 5])[None, :, None]).all()


def test_windows_are_squares_with_the_strip_masked() -> None:
    generator, image = Repeater(), noise(32, 40)
    extend(generator, image, 8, ["right"])
    ((window, mask),) = generator.windows
    assert window.shape == (1, 3, 32, 32) and mask.sum() == 32 * 8 and (mask[..., 24:] == 1).all()
    known = torch.from_numpy(image[:, -24:].copy()).permute(2, 0, 1) / 127.5 - 1
    torch.testing.assert_close(window[0, :, :, :24], known)


def test_narrow_pictures_are_masked_on_the_far_side_too() -> None:
    generator = Repeater()
    extend(generator, noise(32, 10), 8, ["right"])
    ((_, mask),) = generator.windows
    assert (mask[0, 0, 0] == torch.tensor([1.0] * 14 + [0.0] * 10 + [1.0] * 8)).all()


def test_left_is_the_mirrored_right() -> None:
    image = noise(32, 40)
    left = extend(Repeater(), image, 12, ["left"])
    right = extend(Repeater(), image[:, ::-1], 12, ["right"])
    assert np.array_equal(left, right[:, ::-1])


def test_the_strip_is_the_generators_own() -> None:
    generator = Repeater()
    extend(generator, noise(32, 40), 21, ["right"], strip=16)
    assert [int(mask[0, 0, 0].sum()) for _, mask in generator.windows] == [16, 16]


def test_noisy_generators_give_the_same_each_time() -> None:
    options = {"preset": "faithful", "width": 2}
    generator = build_generator("basquiat", options, 32).eval()
    first, second = (extend(generator, noise(32, 40), 21, ["left", "right"]) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "extent, sides, strip, words",
    [
        (0, ["right"], None, "extent is 0"),
        (8, [], None, "sides are \\[\\]"),
        (8, ["top"], None, "left, right, or both"),
        (8, ["left", "left"], None, "left, right, or both"),
        (8, ["left"], 32, "strip is 32, but .* below the picture's height, 32"),
        (8, ["left"], 0, "strip is 0"),
    ],
)
def test_bad_requests_are_refused(extent: int, sides: Any, strip: int | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        extend(Repeater(), noise(32, 40), extent, sides, strip=strip)
