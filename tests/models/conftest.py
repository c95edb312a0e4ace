"""A small GANscape and a batch for it."""

from typing import Any

import pytest
import torch

from models.recipe import Batch
from models.recipes.ganscape import Options

PUBLISHED: dict[str, Any] = {"preset": "faithful"}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small tensors gain nothing from more, and lose much on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture
def published() -> dict[str, Any]:
    """GANscape's base variant."""
    return dict(PUBLISHED)


@pytest.fixture(params=["default", "faithful"])
def options(request: pytest.FixtureRequest) -> Options:
    """Both presets, narrow."""
    return Options.model_validate(
        {"preset": request.param, "width": 4, "phases": [0.33, 0.33, 0.34]}
    )


@pytest.fixture
def batch() -> Batch:
    """Four noise pictures with holes and boxes of their own."""
    generator = torch.Generator().manual_seed(0)
    holes = torch.tensor([[3, 5, 20, 25], [40, 30, 24, 22], [0, 0, 21, 21], [20, 44, 25, 20]])
    box = torch.tensor([[0, 3, 28, 28], [36, 27, 28, 28], [0, 0, 28, 28], [18, 36, 28, 28]])
    image = torch.rand(4, 3, 64, 64, generator=generator) * 2 - 1
    mask = torch.zeros(4, 1, 64, 64)
    for index, (top, left, height, width) in enumerate(holes.tolist()):
        mask[index, :, top : top + height, left : left + width] = 1
    return Batch(image, mask, box)
