"""Values to places on a chart."""

import math
from itertools import pairwise

import pytest

from pipeline.report.charts import (
    HEIGHT,
    LEFT,
    MAX_POINTS,
    RIGHT,
    WIDTH,
    Interval,
    dot_chart,
    line_chart,
)


def test_a_line_goes_through_its_points_in_order() -> None:
    chart = line_chart("loss", "step", {"loss": [(0, 1.0), (50, 2.0), (100, 4.0)]}, mark=50)
    assert chart is not None
    (line,) = chart.lines
    points = [tuple(map(float, pair.split(","))) for pair in line.path.split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2) and chart.mark == pytest.approx(x1, abs=0.1)
    assert y0 - y1 == pytest.approx((y1 - y2) / 2, abs=0.2), "up is less in SVG"
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_ticks_stand_where_their_values_are() -> None:
    chart = line_chart("", "", {"": [(0, -1.0), (1000, 1.0)]})
    assert chart is not None
    assert [tick.label for tick in chart.x_ticks][-1] == "1,000"
    assert {tick.label for tick in chart.y_ticks} >= {"−1", "0", "1"}
    places = [tick.place for tick in chart.y_ticks]
    assert all(after < before for before, after in pairwise(places))


def test_what_is_not_finite_is_left_out_and_one_point_is_no_line() -> None:
    points = [(0.0, 1.0), (1.0, math.nan), (2.0, math.inf), (3.0, 2.0)]
    chart = line_chart("", "", {"": points})
    assert chart is not None and len(chart.lines[0].path.split()) == 2
    assert line_chart("", "", {"": points[:3]}) is None
    flat = line_chart("", "", {"": [(0, 3.0), (1, 3.0)]})
    assert flat is not None and math.isfinite(flat.lines[0].last[1])


@pytest.mark.parametrize("num", [2, MAX_POINTS, MAX_POINTS + 1, 20_000])
def test_long_lines_are_thinned_and_keep_their_ends(num: int) -> None:
    chart = line_chart("", "", {"": [(step, float(step)) for step in range(num)]})
    assert chart is not None
    (line,) = chart.lines
    assert 2 <= len(line.path.split()) <= MAX_POINTS + 1
    assert line.path.split()[0].startswith(f"{LEFT},")
    assert line.last[0] == pytest.approx(WIDTH - RIGHT)


def test_intervals_lie_about_their_means_on_one_axis() -> None:
    row = [Interval(2.0, 1.0, 4.0, ""), None]
    chart = dot_chart("", ["a", "b"], {"first": row, "second": [None, None]}, with_zero=True)
    assert chart is not None and chart.zero is not None
    first, second = chart.rows
    (dot,) = first.dots
    assert second.dots == [] and first.middle < second.middle < chart.height
    assert chart.zero < dot.low < dot.place < dot.high <= WIDTH
    assert dot.place - chart.zero == pytest.approx(2 * (dot.low - chart.zero), abs=0.02)
    assert dot_chart("", ["a"], {}) is None
