"""A running training in the terminal: how far, how fast, how well; from its live files alone."""

import math
import sys
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.report.health import Weights, judgement, verdicts
from pipeline.tracking.live import Live, Row, Status, newest, read_live

SECONDS_BETWEEN_FRAMES = 1.0
STATE_STYLES = {
    "training": "bold cyan",
    "done": "bold green",
    "stopped": "bold yellow",
    "failed": "bold red",
    "killed": "bold red",
}
GROUPS = ("train/", "val/")
BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
MIN_POINTS, MAX_POINTS = 8, 40  # of a sparkline, one a character
VALUE_WIDTH = 10  # characters
GAP = 2  # characters between columns


def watch(work_dir: Path, once: bool) -> None:
    """Shows the training that changed last, until it ends or Ctrl-C leaves.

    One frame if `once` or if the output is no terminal; where there is nothing to show, ValueError.
    """
    console = Console(highlight=False)
    if once or not sys.stdout.isatty():
        folder = newest(work_dir)
        if folder is None:
            raise ValueError(f"{_nothing_yet(work_dir)}: start one with `dvc repro`")
        console.print(frame(read_live(folder), console))
        return
    try:
        _follow(work_dir, console)
    except KeyboardInterrupt:
        return


def _follow(work_dir: Path, console: Console) -> None:
    """Stays with the training that it found first, also where another one begins."""
    with Screen(console=console, auto_refresh=False) as screen:
        while (folder := newest(work_dir)) is None:
            text = f"{_nothing_yet(work_dir)}: waiting for one, Ctrl-C leaves"
            screen.update(Text(text), refresh=True)
            time.sleep(SECONDS_BETWEEN_FRAMES)
        while (live := read_live(folder)).status.state == "training":
            screen.update(frame(live, console), refresh=True)
            time.sleep(SECONDS_BETWEEN_FRAMES)
        screen.update(frame(live, console), refresh=True)


def _nothing_yet(work_dir: Path) -> str:
    return f"no training has begun in {work_dir / 'train'}"


def frame(live: Live, console: Console) -> RenderableType:
    """All there is to see, the weightiest first: a low terminal cuts the end off."""
    status, rows = live.status, live.rows
    notes = [Text(note, style="dim") for note in status.notes]
    head = (_title(status), _progress(status), _counts(status))
    return Group(*head, *_health(rows, status.weights), _figures(rows, console), *notes)


def _title(status: Status) -> Text:
    state = (status.state, STATE_STYLES[status.state])
    return Text.assemble((status.recipe, "bold"), f" on {status.device}: ", state)


def _progress(status: Status) -> Table:
    """A bar in the room that the words leave it."""
    words = f"{status.share_done:.0%}"
    if status.seconds_left is not None:
        words += f", {timedelta(seconds=round(status.seconds_left))} left"
    grid = Table.grid(padding=(0, GAP, 0, 0), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    grid.add_row(ProgressBar(total=1.0, completed=status.share_done), words)
    return grid


def _counts(status: Status) -> Text:
    words = f"step {status.step:,}, {status.images:,} images (budget: {status.budget})"
    if status.images_per_second is not None:
        words += f", {status.images_per_second:,.0f} images/s"
    return Text(words)


def _health(rows: Sequence[Row], weights: Weights) -> list[Text]:
    if not rows:
        return [Text("no figures yet", style="dim")]
    lines = [
        f"{verdict.name} since step {verdict.since_step:,}: {verdict.message}"
        for verdict in verdicts(rows, weights)
    ]
    known = judgement(rows, weights)
    style = "yellow" if known.startswith("Not judged") else "green"
    return [
        *(Text(line, style="red") for line in lines),
        *([Text(known, style=style)] if known else []),
    ]


def _figures(rows: Sequence[Row], console: Console) -> Table:
    """A line a figure: its latest value and its last points."""
    points: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MAX_POINTS))
    for row in rows:
        for name, value in row.items():
            points[name].append(value)
    names = [name for group in GROUPS for name in points if name.startswith(group)]
    room = console.width - max(map(len, names), default=0) - VALUE_WIDTH - 2 * GAP
    blocks = ASCII_BLOCKS if console.options.ascii_only else BLOCKS
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(min_width=VALUE_WIDTH, justify="right", no_wrap=True)
    table.add_column(no_wrap=True, style="cyan")
    for name in names:
        last = list(points[name])[-max(room, MIN_POINTS) :]
        table.add_row(name, f"{last[-1]:.4g}", sparkline(last, blocks))
    return table


def sparkline(values: Sequence[float], blocks: str = BLOCKS) -> str:
    """A character a value, from the least to the greatest of them; a blank for NaN and infinity."""
    finite = [value for value in values if math.isfinite(value)]
    low = min(finite, default=0.0)
    span = max(finite, default=0.0) - low

    def mark(value: float) -> str:
        if not math.isfinite(value):
            return " "
        height = (value - low) / span if span else 0.5
        return blocks[round(height * (len(blocks) - 1))]

    return "".join(mark(value) for value in values)
