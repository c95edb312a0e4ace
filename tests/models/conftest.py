"""A small GANscape and a batch for it."""

from typing import Any

import pytest
import torch

from models.recipe import Batch
from models.recipes.ganscape import Options
from support.noise_batch import noise_batch

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
    return noise_batch()
