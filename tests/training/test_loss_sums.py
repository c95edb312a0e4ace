"""Sums on the device, and what was skipped, by name and step."""

import pytest
import torch

from pipeline.training.loss_sums import LossSums, add_sums, means
from pipeline.training.update_step import StepResult


def result(error: float, norm: float, finite: bool = True) -> StepResult:
    terms = {"error": torch.tensor(error), "gradient_norm": torch.tensor(norm)}
    return StepResult(terms, torch.tensor(finite))


def test_sums_are_those_of_the_finite_steps() -> None:
    loss_sums = LossSums()
    loss_sums.add("joint", 1, result(1.0, 10.0))
    loss_sums.add("joint", 2, result(torch.nan, 5.0, finite=False))
    loss_sums.add("joint", 3, result(2.0, 20.0))
    loss_sums.add("other", 3, result(4.0, 1.0))
    sums, nonfinite = loss_sums.sync(lambda tensors: None)
    assert sums == {
        "joint/error": (3.0, 2),
        "joint/gradient_norm": (30.0, 2),
        "other/error": (4.0, 1),
        "other/gradient_norm": (1.0, 1),
    }
    (one,) = nonfinite
    assert (one.update, one.num_steps, one.first_step, one.terms) == ("joint", 1, 2, ("error",))
    assert str(one) == "joint skipped at step 2: error not finite"
    assert loss_sums.sync(lambda tensors: None) == ({}, [])


def test_an_update_without_a_finite_step_has_no_sum() -> None:
    loss_sums = LossSums()
    for step in (7, 8, 9):
        loss_sums.add("joint", step, result(torch.inf, torch.nan, finite=False))
    sums, (nonfinite,) = loss_sums.sync(lambda tensors: None)
    assert sums == {}
    assert (
        str(nonfinite) == "joint skipped at step 7 and 2 more: error and gradient_norm not finite"
    )


def test_state_goes_on_where_it_was() -> None:
    whole, stopped = LossSums(), LossSums()
    for loss_sums in (whole, stopped):
        loss_sums.add("joint", 1, result(1.0, 1.0))
        loss_sums.add("joint", 2, result(torch.nan, 1.0, finite=False))
    resumed = LossSums()
    resumed.load_state_dict(stopped.state_dict())
    for loss_sums in (whole, resumed):
        loss_sums.add("joint", 3, result(2.0, 3.0))
    assert whole.sync(lambda tensors: None) == resumed.sync(lambda tensors: None)


def test_sums_add_up_name_by_name() -> None:
    both = add_sums({"a": (1.0, 1), "b": (2.0, 1)}, {"a": (3.0, 3)})
    assert both == {"a": (4.0, 4), "b": (2.0, 1)}
    assert means(both) == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("step", [2**24 + 1, 10**9])
def test_steps_are_named_exactly(step: int) -> None:
    loss_sums = LossSums()
    loss_sums.add("joint", step, result(torch.nan, 1.0, finite=False))
    _, (nonfinite,) = loss_sums.sync(lambda tensors: None)
    assert nonfinite.first_step == step
