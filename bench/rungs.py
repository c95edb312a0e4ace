"""Runs that are timed beside each other: each round takes all in turn.

Rates are medians of the rounds, ratios medians of each round's own: what else the machine does
falls on all rungs of a round alike.
"""

import shutil
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

Run = Callable[[], float]  # seconds
Rounds = list[dict[str, float]]  # rung -> seconds, of each round


def take(runs: Mapping[str, Run], num_rounds: int) -> Rounds:
    """All runs in turn, `num_rounds` times."""
    return [_take_all(runs) for _ in range(num_rounds)]


def _take_all(runs: Mapping[str, Run]) -> dict[str, float]:
    seconds = {}
    for name, run in runs.items():
        seconds[name] = run()
        print(f"{name}: {seconds[name]:.2f} s", file=sys.stderr)
    return seconds


def rate(rounds: Rounds, name: str, amount: int) -> float:
    """What the rung does a second, of `amount` in all."""
    return amount / statistics.median(seconds[name] for seconds in rounds)


def ratio(rounds: Rounds, slower: str, faster: str) -> float:
    """How many times as fast `faster` is as `slower`."""
    return statistics.median(seconds[slower] / seconds[faster] for seconds in rounds)


def emptied(folder: Path) -> Path:
    """An empty folder in the place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
