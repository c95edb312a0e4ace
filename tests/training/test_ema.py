"""Averaged weights: half-life in images, ramp-up, buffers copied."""

import pytest
import torch
from torch import nn

from pipeline.training.ema import EMA


def network(value: float) -> nn.BatchNorm1d:
    """A weight, a bias and three buffers, all of `value`."""
    layer = nn.BatchNorm1d(1)
    for tensor in layer.state_dict().values():
        tensor.fill_(value)
    return layer


def test_half_is_forgotten_after_the_half_life() -> None:
    source = network(0.0)
    ema = EMA(source, half_life=100)
    with torch.no_grad():
        source.weight.fill_(1.0)
    for _ in range(10):
        ema.update(10, 10**6)
    assert ema.network.weight.item() == pytest.approx(0.5)


def test_buffers_are_copied() -> None:
    source = network(3.0)
    ema = EMA(source, half_life=100)
    source.running_mean.fill_(7.0)
    source.num_batches_tracked.fill_(9)
    ema.update(1, 10**6)
    assert ema.network.running_mean.item() == 7 and ema.network.num_batches_tracked == 9


def test_no_half_life_is_the_last_weights() -> None:
    source = network(0.1)
    ema = EMA(source, half_life=0)
    with torch.no_grad():
        source.weight.fill_(0.3)
    ema.update(16, 16)
    assert torch.equal(ema.network.weight, source.weight)


def test_the_start_is_forgotten_sooner() -> None:
    """After 1,000 images the half-life is 50, whatever it will be later."""
    source = network(0.0)
    ema = EMA(source, half_life=10**6)
    with torch.no_grad():
        source.weight.fill_(1.0)
    ema.update(50, 1000)
    assert ema.network.weight.item() == pytest.approx(0.5)


def test_the_average_needs_no_gradient_and_infers() -> None:
    ema = EMA(network(1.0), half_life=10)
    assert not ema.network.training
    assert not any(weight.requires_grad for weight in ema.network.parameters())
