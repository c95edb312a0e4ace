"""Progress with rate and time left: a bar in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]

# A log file wants a line now and then, not a bar.
SECONDS_BETWEEN_LINES = 10.0


def say(message: str) -> None:
    """One line for the person who waits, on stderr."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def progress(
    description: str, total: int | None, unit: str, *, already: int = 0
) -> Iterator[Advance]:
    """Yields `advance(n)`; shows `description`, done of total, rate in `unit`/s, time left.

    A `total` of None is not known. `already` units were done by an earlier run and count for no
    rate.
    """
    if sys.stderr.isatty():
        with _bar(description, total, unit, already) as advance:
            yield advance
    else:
        lines = _Lines(description, total, unit, already)
        yield lines.advance
        lines.close()


@contextmanager
def _bar(description: str, total: int | None, unit: str, already: int) -> Iterator[Advance]:
    # Imported here: a log file needs no terminal drawing.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.1f} {unit}/s" if speed else f"- {unit}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total, completed=already)
        yield lambda num: bar.advance(task, num)


class _Lines:
    """Plain lines: at most one every ten seconds, and one at the end of a longer job."""

    def __init__(self, description: str, total: int | None, unit: str, already: int = 0) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done = self.already = already
        self.started = self.shown = time.monotonic()

    def advance(self, num: int) -> None:
        self.done += num
        now = time.monotonic()
        if now - self.shown >= SECONDS_BETWEEN_LINES and self.done != self.total:
            self.shown = now
            rate = self._rate(now)
            left = "time left unknown"
            if rate and self.total is not None:
                left = f"{(self.total - self.done) / rate:.0f} s left"
            self._show(rate, left)

    def close(self) -> None:
        seconds = time.monotonic() - self.started
        if seconds > 2:
            self._show(self._rate(time.monotonic()), f"{seconds:.0f} s in all")

    def _rate(self, now: float) -> float:
        """Units a second; 0 where work was lost and had to be begun again."""
        return max(self.done - self.already, 0) / (now - self.started)

    def _show(self, rate: float, time_text: str) -> None:
        of_total = f"/{self.total:,}" if self.total else ""
        say(
            f"{self.description}: {self.done:,}{of_total} {self.unit}, "
            f"{rate:.1f} {self.unit}/s, {time_text}"
        )
