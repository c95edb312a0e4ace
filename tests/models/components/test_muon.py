"""Muon takes orthogonal steps on matrices, AdamW's on the rest."""

import pytest
import torch
from torch import nn

from models.components.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_singular_values_come_to_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(1e-3 * matrix))
    assert values.min() > 0.4 and values.max() < 1.3


def test_zero_stays_zero() -> None:
    assert not orthogonal(torch.zeros(3, 5)).any()


def test_its_first_step_is_that_of_torch() -> None:
    """torch's works in bf16 and on matrices; both agree to that precision."""
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(torch.randn(12, 30)), nn.Parameter(torch.empty(12, 30))
    theirs.data.copy_(ours.data)
    before, gradient = ours.detach().clone(), torch.randn(12, 30)
    other = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.01)
    optimizer = Muon([ours], [], lr=0.02, others_lr=0.1, weight_decay=0.01)
    for weight, each in ((ours, optimizer), (theirs, other)):
        weight.grad = gradient.clone()
        each.step()
    steps = [(weight.detach() - before).flatten() for weight in (ours, theirs)]
    assert nn.functional.cosine_similarity(*steps, dim=0) > 0.99
    assert 0.9 < steps[0].norm() / steps[1].norm() < 1.1


def test_the_rest_is_adamw() -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(torch.randn(7)), nn.Parameter(torch.empty(7))
    theirs.data.copy_(ours.data)
    optimizer = Muon([], [ours], lr=0.02, others_lr=0.01, weight_decay=0.1)
    other = torch.optim.AdamW([theirs], lr=0.01, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
    for _ in range(5):
        gradient = torch.randn(7)
        for weight, each in ((ours, optimizer), (theirs, other)):
            weight.grad = gradient.clone()
            each.step()
    torch.testing.assert_close(ours, theirs)


def test_kernels_are_matrices_of_their_outputs() -> None:
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(6, 3, 3, 3))
    kernel.grad = torch.randn_like(kernel)
    Muon([kernel], [], lr=1.0, others_lr=1.0, weight_decay=0.0).step()
    values = torch.linalg.svdvals(kernel.detach().flatten(1))
    assert values.min() > 0.4 and values.max() < 1.3
