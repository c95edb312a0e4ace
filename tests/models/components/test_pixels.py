"""uint8 <-> [-1, 1]."""

import pytest
import torch

from models.components.pixels import from_unit, to_tensor, to_uint8, to_unit


def test_every_level_survives_the_round_trip() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).repeat(2, 1, 1, 3)
    tensor = to_tensor(levels)
    assert tensor.shape == (2, 3, 16, 16)
    assert tensor.min() == -1 and tensor.max() == 1
    assert torch.equal(to_uint8(tensor), levels)


def test_to_uint8_rounds_and_clamps() -> None:
    values = torch.tensor([-3.0, -1.0, 100.4 / 127.5 - 1, 100.6 / 127.5 - 1, 1.0, 7.0])
    tensor = values.view(1, 1, 1, 6).repeat(1, 3, 1, 1)
    assert to_uint8(tensor)[0, 0, :, 0].tolist() == [0, 0, 100, 101, 255, 255]


def test_float_pixels_are_refused() -> None:
    with pytest.raises(AssertionError, match="uint8"):
        to_tensor(torch.zeros(1, 4, 4, 3))


def test_unit_range_is_its_own_inverse() -> None:
    tensor = torch.linspace(-1, 1, 9)
    assert to_unit(tensor).min() == 0 and to_unit(tensor).max() == 1
    assert torch.equal(from_unit(to_unit(tensor)), tensor)
