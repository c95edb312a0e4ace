"""What a stage costs: a start, and so much for each photo, fitted to timed runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from scipy.stats import theilslopes

ROUNDS = 3
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Cost:
    """Seconds of a stage as a line over the number of photos (trainings: of images)."""

    start: float
    each: float | None  # None: the runs do not tell it from zero
    each_at_most: float

    def seconds(self, number: float) -> float | None:
        """Of `number` photos; None where it is not known what one takes."""
        return None if self.each is None else self.start + self.each * number

    def seconds_at_most(self, number: float) -> float:
        """What the runs leave possible."""
        return self.start + self.each_at_most * number


def flat(seconds: float) -> Cost:
    """Of a stage that takes as long for any number."""
    return Cost(seconds, 0.0, 0.0)


def fitted(numbers: Sequence[float], seconds: Sequence[float]) -> Cost:
    """The Theil-Sen line through runs of at least two different `numbers`.

    Its slope is the median of those of all pairs, so that a run that was held up changes little. It
    counts where its 95 % confidence interval lies above zero.
    """
    line = theilslopes(seconds, numbers, alpha=CONFIDENCE)
    start = float(line.intercept)
    is_known = line.low_slope > 0
    return Cost(start, float(line.slope) if is_known else None, max(float(line.high_slope), 0.0))


def timed_rounds(
    run: Callable[[int], float], numbers: Sequence[int], limit_seconds: float
) -> tuple[list[int], list[float]]:
    """Numbers and seconds of runs with each of `numbers`, round after round.

    `run` returns the seconds that count. After `limit_seconds` no other round begins.
    """
    done: list[int] = []
    seconds: list[float] = []
    begun = monotonic()
    for _ in range(ROUNDS):
        for number in numbers:
            seconds.append(run(number))
            done.append(number)
        if monotonic() - begun > limit_seconds:
            break
    return done, seconds
