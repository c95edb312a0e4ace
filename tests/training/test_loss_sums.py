"""Sums on the device, and what was left out, by name and step."""

import pytest
import torch

from pipeline.training.loss_sums import Tally, add_sums, means
from pipeline.training.update_step import Outcome


def outcome(error: float, norm: float, healthy: bool = True) -> Outcome:
    terms = {"error": torch.tensor(error), "gradient_norm": torch.tensor(norm)}
    return Outcome(terms, torch.tensor(healthy))


def test_sums_are_those_of_the_healthy_steps() -> None:
    tally = Tally()
    tally.add("joint", 1, outcome(1.0, 10.0))
    tally.add("joint", 2, outcome(torch.nan, 5.0, healthy=False))
    tally.add("joint", 3, outcome(2.0, 20.0))
    tally.add("other", 3, outcome(4.0, 1.0))
    sums, sick = tally.meet(lambda tensors: None)
    assert sums == {
        "joint/error": (3.0, 2),
        "joint/gradient_norm": (30.0, 2),
        "other/error": (4.0, 1),
        "other/gradient_norm": (1.0, 1),
    }
    (one,) = sick
    assert (one.update, one.num_steps, one.first_step, one.terms) == ("joint", 1, 2, ("error",))
    assert str(one) == "joint left out at step 2: error not finite"
    assert tally.meet(lambda tensors: None) == ({}, [])


def test_an_update_without_a_healthy_step_has_no_sum() -> None:
    tally = Tally()
    for step in (7, 8, 9):
        tally.add("joint", step, outcome(torch.inf, torch.nan, healthy=False))
    sums, (sick,) = tally.meet(lambda tensors: None)
    assert sums == {}
    assert str(sick) == "joint left out at step 7 and 2 more: error and gradient_norm not finite"


def test_state_goes_on_where_it_was() -> None:
    whole, stopped = Tally(), Tally()
    for tally in (whole, stopped):
        tally.add("joint", 1, outcome(1.0, 1.0))
        tally.add("joint", 2, outcome(torch.nan, 1.0, healthy=False))
    resumed = Tally()
    resumed.load_state_dict(stopped.state_dict())
    for tally in (whole, resumed):
        tally.add("joint", 3, outcome(2.0, 3.0))
    assert whole.meet(lambda tensors: None) == resumed.meet(lambda tensors: None)


def test_sums_add_up_name_by_name() -> None:
    both = add_sums({"a": (1.0, 1), "b": (2.0, 1)}, {"a": (3.0, 3)})
    assert both == {"a": (4.0, 4), "b": (2.0, 1)}
    assert means(both) == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("step", [2**24 + 1, 10**9])
def test_steps_are_named_exactly(step: int) -> None:
    tally = Tally()
    tally.add("joint", step, outcome(torch.nan, 1.0, healthy=False))
    _, (sick,) = tally.meet(lambda tensors: None)
    assert sick.first_step == step
