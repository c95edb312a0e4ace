"""Charts as geometry; templates/charts.html draws them in the page's own colours."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.ticker import MaxNLocator

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 420.0, 220.0  # user units, about px: two charts side by side on a page
LEFT, RIGHT, TOP, BOTTOM = 46.0, 18.0, 12.0, 34.0
ROW, LABELS = 24.0, 120.0  # an interval chart's rows, and the room of their names
ROOM = 0.05  # beyond the outermost values
# A line of more points looks no finer at this width.
MAX_POINTS = 300


class Tick(NamedTuple):
    """`place` in user units."""

    place: float
    label: str


class Line(NamedTuple):
    name: str
    path: str  # "x,y x,y ..."
    last: tuple[float, float]


class Band(NamedTuple):
    """A stretch of the x axis that something is said about."""

    left: float
    width: float
    label: str


class LineChart(NamedTuple):
    title: str
    x_title: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    bands: list[Band]
    mark: float | None  # where on the x axis the run stands
    width: float = WIDTH
    height: float = HEIGHT


class Dot(NamedTuple):
    """A mean and its interval; all places in user units."""

    series: int
    place: float
    low: float
    high: float
    text: str


class DotRow(NamedTuple):
    label: str
    middle: float
    dots: list[Dot]


class DotChart(NamedTuple):
    title: str
    series: list[str]
    x_ticks: list[Tick]
    zero: float | None
    rows: list[DotRow]
    width: float
    height: float
    labels: float


class Interval(NamedTuple):
    """mean, low and high in the metric's own unit; `text` is shown where one points at it."""

    mean: float
    low: float
    high: float
    text: str


def ends_of(mean: float, low: float, high: float) -> tuple[float, float]:
    """The interval, or the mean itself where there is none: of a single photo."""
    return (mean, mean) if math.isnan(low) or math.isnan(high) else (low, high)


def line_chart(
    title: str,
    x_title: str,
    series: Mapping[str, Points],
    *,
    bands: Sequence[tuple[float, float, str]] = (),
    mark: float | None = None,
    y_range: tuple[float, float] | None = None,
) -> LineChart | None:
    """None where no series has two finite points. `bands` are (from, to, label)."""
    kept = {name: _finite(points) for name, points in series.items()}
    kept = {name: points for name, points in kept.items() if len(points) > 1}
    if not kept:
        return None
    xs = [x for points in kept.values() for x, _ in points]
    ys = [y for points in kept.values() for _, y in points]
    x_axis = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT, room=0)
    y_low, y_high = y_range or (min(ys), max(ys))
    y_axis = _Axis(y_low, y_high, HEIGHT - BOTTOM, TOP, room=0 if y_range else ROOM)
    return LineChart(
        title,
        x_title,
        x_axis.ticks(),
        y_axis.ticks(),
        [_line(name, points, x_axis, y_axis) for name, points in kept.items()],
        [_band(x_axis, *each) for each in bands],
        None if mark is None else x_axis.place(mark),
    )


def _finite(points: Points) -> Points:
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    step = max(1, math.ceil(len(finite) / MAX_POINTS))
    return [*finite[:-1:step], *finite[-1:]]


def _line(name: str, points: Points, x_axis: "_Axis", y_axis: "_Axis") -> Line:
    places = [(x_axis.place(x), y_axis.place(y)) for x, y in points]
    return Line(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in places), places[-1])


def _band(axis: "_Axis", first: float, last: float, label: str) -> Band:
    left = axis.place(first)
    # A verdict of a single row is still to be seen.
    return Band(left, max(axis.place(last) - left, 2.0), label)


def dot_chart(
    title: str,
    series: Sequence[str],
    rows: Mapping[str, Sequence[Interval | None]],
    *,
    with_zero: bool = False,
    labels: float = LABELS,
) -> DotChart | None:
    """A row a name, in it a dot with its interval for each of `series`; None without a row."""
    known = [each for row in rows.values() for each in row if each is not None]
    if not known:
        return None
    ends = [end for each in known for end in (each.low, each.high, each.mean)]
    ends += [0.0] if with_zero else []
    axis = _Axis(min(ends), max(ends), labels, WIDTH - RIGHT, room=ROOM)
    height = TOP + ROW * len(rows) + BOTTOM
    placed = [
        DotRow(label, TOP + ROW * (number + 0.5), _dots(row, axis))
        for number, (label, row) in enumerate(rows.items())
    ]
    zero = axis.place(0.0) if with_zero else None
    return DotChart(title, list(series), axis.ticks(), zero, placed, WIDTH, height, labels)


def _dots(row: Sequence[Interval | None], axis: "_Axis") -> list[Dot]:
    return [
        Dot(number, axis.place(each.mean), axis.place(each.low), axis.place(each.high), each.text)
        for number, each in enumerate(row)
        if each is not None
    ]


class _Axis:
    """From values to user units."""

    def __init__(self, low: float, high: float, start: float, end: float, room: float) -> None:
        """`room` is left free on both sides, a share of the whole."""
        if low == high:
            low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
        low, high = low - room * (high - low), high + room * (high - low)
        values = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        self._values = [float(value) for value in values if low <= value <= high]
        self._low, self._high, self._start, self._end = low, high, start, end

    def place(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 2)

    def ticks(self) -> list[Tick]:
        return [Tick(self.place(value), _label(value)) for value in self._values]


def _label(value: float) -> str:
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 10):g}"
    return text.replace("-", "−")
