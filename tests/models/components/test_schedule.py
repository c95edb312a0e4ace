"""Phases and their early ends, on scripted losses."""

import pytest

from models.components.schedule import Phase, PhaseSchedule, phase_lengths
from models.recipe import Sums


def schedule() -> PhaseSchedule:
    """Phases of 4, 6 and 5 steps; the second ends early below a mean of 1."""
    return PhaseSchedule(
        [
            Phase((("a",),), 4),
            Phase((("b",),), 6, lambda means: means["b/x"] < 1),
            Phase((("a", "b"),), 5),
        ]
    )


def play(schedule: PhaseSchedule, values: list[float], sync_every: int) -> list[int]:
    """The phase of each step where update b reports `values`."""
    phases, sums = [], Sums()
    for step, value in enumerate(values, start=1):
        phases.append(schedule.index)
        for update in schedule.updates:
            total, count = sums.get(f"{update}/x", (0.0, 0))
            sums[f"{update}/x"] = (total + value, count + 1)
        if schedule.advance() or step % sync_every == 0:
            schedule.observe(sums)
            sums = {}
    return phases


def test_phases_follow_each_other_and_begin_again() -> None:
    phases = play(schedule(), [2.0] * 20, sync_every=1)
    assert phases == [0] * 4 + [1] * 6 + [2] * 5 + [0] * 4 + [1]


def test_boundaries_do_not_move_with_the_meetings() -> None:
    for sync_every in (1, 3, 7, 100):
        assert play(schedule(), [2.0] * 20, sync_every) == play(schedule(), [2.0] * 20, 1)


def test_early_end_takes_the_mean_since_the_phase_began() -> None:
    # Phase II: means 3, 2, 1.33, 0.99: it ends after its fourth step.
    values = [0.0] * 4 + [3.0, 1.0, 0.0, -0.04] + [0.0] * 5
    assert play(schedule(), values, sync_every=1) == [0] * 4 + [1] * 4 + [2] * 5


def test_early_end_waits_for_a_meeting() -> None:
    values = [0.0] * 4 + [0.0] * 9
    assert play(schedule(), values, sync_every=3) == [0] * 4 + [1] * 2 + [2] * 5 + [0] * 2


def test_state_goes_on_where_it_was() -> None:
    values = [2.0, 1.5] * 20
    whole = play(schedule(), values, sync_every=1)
    for cut in (1, 4, 5, 9, 10, 17):
        first, second = schedule(), schedule()
        begun = play(first, values[:cut], sync_every=1)
        second.load_state_dict(first.state_dict())
        assert begun + play(second, values[cut:], sync_every=1) == whole


def test_phases_without_steps_are_skipped() -> None:
    only = PhaseSchedule([Phase((("a",),), 0, lambda means: True), Phase((("b",),), 2)])
    assert only.updates == ("b",)


def test_a_pattern_is_taken_in_turn_and_cut_with_its_phase() -> None:
    critic, both = ("critic",), ("critic", "generator")
    phases = [Phase((critic, critic, both), 5), Phase((both,), 1)]
    taken, cycle = [], PhaseSchedule(phases)
    for _ in range(8):
        taken.append(cycle.updates)
        if cycle.advance():
            cycle.observe({})
    assert taken == [critic, critic, both, critic, critic, both, critic, critic]


def test_a_last_phase_without_end_never_begins_again() -> None:
    once = PhaseSchedule([Phase((("a",),), 2), Phase((("b",),), None)])
    assert play(once, [2.0] * 50, sync_every=1) == [0] * 2 + [1] * 48
    with pytest.raises(AssertionError, match="only the last"):
        PhaseSchedule([Phase((("a",),), None), Phase((("b",),), 2)])


def test_published_lengths() -> None:
    steps = 172_703 // 128
    assert phase_lengths([0.33, 0.33, 0.34], steps) == [445, 445, 459]
    assert phase_lengths([0.2, 0.5, 0.3], steps) == [269, 674, 406]
    assert phase_lengths([0.2, 0.3, 0.5], steps) == [269, 404, 676]


def test_small_data_still_has_every_phase() -> None:
    assert phase_lengths([0.33, 0.33, 0.34], 1) == [1, 1, 1]
    assert phase_lengths([1.0, 0.0, 0.0], 1) == [1, 0, 0]
    assert phase_lengths([1.0, 0.0, 0.0], 10) == [10, 0, 0]
