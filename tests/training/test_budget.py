"""Budgets in images, epochs and minutes."""

import pytest
from ruamel.yaml import YAML

from pipeline.params.train import TrainParams
from pipeline.runtime.code_closure import ROOT
from pipeline.training.budget import Budget


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("48000 images", 3000),
        ("48001 images", 3001),
        ("1 images", 1),
        ("2 epochs", 128),
        ("0.1 epochs", 7),  # 6.4 steps
        ("0.25 epochs", 16),
        ("1.1 epochs", 71),  # 70.4 steps
    ],
)
def test_steps_are_rounded_up(text: str, steps: int) -> None:
    assert Budget.parse(text).num_steps(batch_size=16, steps_per_epoch=64) == steps


def test_exact_products_are_not_rounded_up() -> None:
    assert Budget.parse("0.1 epochs").num_steps(batch_size=16, steps_per_epoch=30) == 3
    assert Budget.parse("220 epochs").num_steps(batch_size=128, steps_per_epoch=1349) == 296780


def test_minutes_have_no_steps() -> None:
    budget = Budget.parse("1.5 minutes")
    assert budget.num_steps(16, 64) is None and budget.seconds == 90
    assert Budget.parse("5 images").seconds == float("inf")


@pytest.mark.parametrize(
    "text", ["", "48000", "images", "-1 images", "0 epochs", "3 hours", "1e3 images"]
)
def test_others_are_refused(text: str) -> None:
    values = YAML(typ="safe").load(ROOT / "params.yaml")["train"]
    with pytest.raises(ValueError, match="48000 images, 220 epochs or 30 minutes"):
        TrainParams.model_validate(values | {"budget": text})
