"""Losses against values by hand."""

import math

import pytest
import torch

from models import losses


def test_squared_error_over_the_image() -> None:
    output, image = torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.zeros(2, 2)
    assert losses.squared_error_image(output, image).item() == pytest.approx(14 / 4)


def test_squared_error_over_the_hole_is_a_mean_over_photos() -> None:
    image, mask = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    mask[0, :, :2], mask[1, :, :, :1] = 1, 1  # 8 and 4 pixels
    output = torch.full_like(image, 100.0)
    output[0, :, :2], output[1, :, :, :1] = 0.5, -1.0
    expected = (0.25 + 1) / 2  # whatever their areas
    assert losses.squared_error_hole(output, image, mask).item() == pytest.approx(expected)

    mask[1] = 0  # a photo without a hole has no error
    assert losses.squared_error_hole(output, image, mask).item() == pytest.approx(0.25 / 2)


def test_logistic_losses() -> None:
    logits = torch.tensor([0.0, 2.0])
    sigmoids = [0.5, 1 / (1 + math.exp(-2))]
    real = -sum(math.log(p) for p in sigmoids) / 2
    fake = -sum(math.log(1 - p) for p in sigmoids) / 2
    assert losses.real_loss(logits).item() == pytest.approx(real)
    assert losses.fake_loss(logits).item() == pytest.approx(fake)


def test_chance_level_is_two_log_two() -> None:
    logits = torch.zeros(5)
    both = losses.real_loss(logits) + losses.fake_loss(logits)
    assert both.item() == pytest.approx(2 * math.log(2))


def test_losses_are_finite_where_the_sigmoid_is_not() -> None:
    logits = torch.tensor([1000.0, -1000.0])
    assert losses.real_loss(logits).item() == pytest.approx(500)
    assert losses.fake_loss(logits).item() == pytest.approx(500)


def test_accuracy() -> None:
    real, fake = torch.tensor([1.0, 1.0, -1.0, 1.0]), torch.tensor([-1.0, 1.0, 1.0, -1.0])
    assert losses.accuracy(real, fake).item() == pytest.approx((3 / 4 + 2 / 4) / 2)
