"""Losses against values by hand."""

import math

import numpy as np
import pytest
import torch

from models.components import losses
from models.components.pixels import to_tensor
from pipeline.metrics.image_metrics import ssim_maps


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


def test_squared_error_of_the_hole_over_all_pixels() -> None:
    image, mask = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    mask[0, :, :2], mask[1, :, :, :1] = 1, 1  # 8 and 4 of 16 pixels
    output = torch.full_like(image, 100.0)
    output[0, :, :2], output[1, :, :, :1] = 0.5, -1.0
    expected = (0.25 * 8 + 1 * 4) / 32
    assert losses.squared_error_masked(output, image, mask).item() == pytest.approx(expected)


def test_gradient_penalty_of_a_linear_critic() -> None:
    """Whose gradient is its weights, wherever it is taken; those outside the hole do not count."""
    weights = torch.zeros(1, 2, 2, 2)
    weights[0, 0], weights[0, 1, 0, 0] = 1.5, 4.0
    mask = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]], [[[0.0, 1.0], [0.0, 0.0]]]])
    real, fake = torch.rand(2, 2, 2, 2), torch.rand(2, 2, 2, 2)
    norms = [math.sqrt(3 * 1.5**2 + 4.0**2), 1.5]
    expected = sum((norm - 1) ** 2 for norm in norms) / 2
    penalty = losses.gradient_penalty(lambda x: (weights * x).sum((1, 2, 3)), real, fake, mask)
    assert penalty.item() == pytest.approx(expected)


def test_gradient_penalty_is_taken_between_real_and_fake() -> None:
    """Of x squared the gradient is 2x: the points can be read from the penalty."""
    torch.manual_seed(0)
    share = torch.rand(1).item()
    torch.manual_seed(0)
    real, fake, mask = torch.full((1, 1, 1, 1), 3.0), torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    penalty = losses.gradient_penalty(lambda x: x.square().sum((1, 2, 3)), real, fake, mask)
    assert penalty.item() == pytest.approx((2 * (1 + 2 * share) - 1) ** 2, rel=1e-5)


def test_gradient_penalty_of_a_flat_critic_has_a_gradient() -> None:
    weight = torch.zeros((), requires_grad=True)
    images, mask = torch.rand(2, 3, 4, 4), torch.ones(2, 1, 4, 4)
    penalty = losses.gradient_penalty(lambda x: weight * x.sum((1, 2, 3)), images, images, mask)
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-4)
    assert weight.grad is not None and weight.grad.isfinite()


def test_mode_seeking_is_noise_distance_over_output_distance() -> None:
    mask = torch.zeros(2, 1, 4, 4)
    mask[:, :, :2] = 1
    one, other = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 9.0)
    other[0, :, :2], other[1, :, :2] = 0.5, -0.25
    noises = torch.zeros(2, 2), torch.tensor([[1.0, -3.0], [1.0, 0.0]])
    value = losses.mode_seeking((one, other), noises, mask)
    assert value.item() == pytest.approx((2 / 0.5 + 0.5 / 0.25) / 2, rel=1e-4)


def test_mode_seeking_of_equal_outputs_is_finite() -> None:
    image, mask = torch.zeros(2, 3, 4, 4), torch.ones(2, 1, 4, 4)
    noises = torch.zeros(2, 2), torch.ones(2, 2)
    value = losses.mode_seeking((image, image), noises, mask)
    assert value.item() == pytest.approx(1 / losses.SMALLEST_DISTANCE)


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


def test_dissimilarity_is_one_minus_the_ssim_that_is_reported() -> None:
    random = np.random.default_rng(0)
    pair = [random.integers(0, 256, (24, 24, 3), dtype=np.uint8) for _ in range(2)]
    hole = np.zeros((24, 24), bool)
    hole[0:9, 10:20] = True
    completed = np.where(hole[..., None], pair[1], pair[0])
    (similar,) = ssim_maps([completed], pair[0])
    original, output = (to_tensor(torch.from_numpy(each[None])) for each in pair)
    mask = torch.from_numpy(hole)[None, None].float()
    found = losses.dissimilarity_hole(output, original, mask).item()
    assert found == pytest.approx(1 - similar[hole].mean(), abs=1e-5)
    assert losses.dissimilarity_hole(original, original, mask).item() == pytest.approx(0, abs=1e-6)
