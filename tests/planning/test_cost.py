"""What runs tell of a cost, and what they do not."""

import numpy as np
import pytest

from pipeline.planning.cost import ROUNDS, Cost, fitted, flat, timed_rounds

NUMBERS = [10, 40, 160] * 3


def test_a_line_is_found_whatever_held_up_one_run() -> None:
    seconds = [2.0 + 0.01 * number for number in NUMBERS]
    seconds[4] += 30.0
    cost = fitted(NUMBERS, seconds)
    assert cost.each == pytest.approx(0.01) and cost.start == pytest.approx(2.0, abs=0.2)
    assert cost.seconds(100_000) == pytest.approx(1002, rel=0.01)


def test_a_slope_that_noise_could_make_is_unknown_and_bounded() -> None:
    """A detection of two minutes was once promised in under a second."""
    noise = np.random.default_rng(0).normal(0.0, 0.1, len(NUMBERS))
    cost = fitted(NUMBERS, list(1.0 + noise))
    assert cost.each is None and cost.seconds(1000) is None
    assert cost.seconds_at_most(100_000) > 10
    falling = fitted([1, 2, 4], [3.0, 2.0, 1.0])
    assert falling.each is None


def test_a_flat_cost_is_the_same_for_any_number() -> None:
    assert flat(3.0).seconds(0) == flat(3.0).seconds(10**9) == 3.0


def test_rounds_end_with_the_limit_but_are_whole() -> None:
    asked: list[int] = []

    def run(number: int) -> float:
        asked.append(number)
        return number / 10

    numbers, seconds = timed_rounds(run, [1, 2], limit_seconds=1000)
    assert numbers == asked == [1, 2] * ROUNDS and seconds == [0.1, 0.2] * ROUNDS
    asked.clear()
    timed_rounds(run, [1, 2], limit_seconds=-1)
    assert asked == [1, 2]


def test_costs_grow_with_the_number() -> None:
    cost = Cost(1.0, None, 0.5)
    assert cost.seconds_at_most(10) == 6.0
