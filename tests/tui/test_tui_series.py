"""Series of bounded size, and the drawing of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.report.braille import draw, label, thin
from hashbench.report.run_series import (
    CAPACITY,
    LOSSES,
    MONITORS,
    RECOVERY,
    SCORES,
    Curve,
    RunSeries,
    Series,
    smoothed,
)
from hashbench.report.text import ordinal
from hashbench.runs import events
from hashbench.runs.events import StagePlan
from hashbench.tui.widgets.chart import Chart
from hashbench.tui.widgets.panelset import on_log_scale

FINITE = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(st.integers(0, 5000), FINITE), max_size=300))
def test_a_series_is_what_a_resumed_run_leaves(points: list[tuple[int, float]]) -> None:
    series = Series()
    kept: list[tuple[float, float]] = []
    for x, y in points:
        series.add(x, y)
        kept = [point for point in kept if point[0] < x] + [(x, y)]
    assert list(zip(series.xs, series.ys, strict=True)) == kept


def test_a_series_never_grows_beyond_its_capacity_and_keeps_its_mean() -> None:
    series = Series()
    for x in range(10 * CAPACITY):
        series.add(x, x / 10)
        assert len(series) <= CAPACITY
    assert list(series.xs) == sorted(set(series.xs))
    assert series.xs[-1] == 10 * CAPACITY - 1  # the latest point stays as it came
    assert all(math.isclose(y, x / 10) for x, y in zip(series.xs, series.ys, strict=True))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_drawn(bad: float) -> None:
    series = Series()
    series.add(1, bad)
    series.add(bad, 1)
    assert len(series) == 0


@given(st.lists(FINITE, min_size=1, max_size=2000), st.integers(1, 60))
def test_thinning_keeps_ends_and_peaks_and_little_else(ys: list[float], columns: int) -> None:
    xs = list(range(len(ys)))
    thin_x, thin_y = thin(xs, ys, columns)
    assert len(thin_x) <= 4 * columns
    assert (thin_x[0], thin_x[-1]) == (xs[0], xs[-1])
    assert min(thin_y) == min(ys)
    assert max(thin_y) == max(ys)
    assert thin_x == sorted(set(thin_x))
    assert all(ys[int(x)] == y for x, y in zip(thin_x, thin_y, strict=True))


@given(
    st.lists(st.lists(FINITE, min_size=1, max_size=60), min_size=1, max_size=4),
    st.integers(1, 40),
    st.integers(1, 12),
    st.booleans(),
)
def test_a_picture_has_the_size_that_was_asked_for(
    lines: list[list[float]], width: int, height: int, log: bool
) -> None:
    curves = [Curve(str(i), tuple(range(len(ys))), tuple(ys)) for i, ys in enumerate(lines)]
    picture = draw(curves, width, height, log=log)
    assert [len(row) for row in picture.rows] == [width] * height
    drawn = {number for row in picture.rows for _, number in row if number is not None}
    assert drawn <= set(range(len(curves)))
    assert drawn
    assert set(picture.ticks) <= set(range(height))
    assert all(0 <= row < height and 0 < column <= width for row, column in picture.marks)


def test_a_rising_line_rises_on_the_screen() -> None:
    curve = Curve("up", (0.0, 1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 3.0))
    rows = draw([curve], 2, 1).rows
    # two cells of 2 x 4 dots: the diagonal from the lower left to the upper right
    assert [letter for letter, _ in rows[0]] == ["⡠", "⠊"]


def test_log_scale_is_left_out_where_a_value_has_no_logarithm() -> None:
    ys = (1.0, 10.0, 100.0)
    xs = (0.0, 1.0, 2.0)
    assert draw([Curve("a", xs, ys)], 10, 5, log=True).log
    assert not draw([Curve("a", xs, (0.0, 1.0, 2.0))], 10, 5, log=True).log
    middle = draw([Curve("a", xs, ys)], 20, 5, log=True).rows[2]
    assert any(number == 0 for _, number in middle)  # 10 is half way between 1 and 100


def test_lines_that_end_alike_have_letters_of_their_own() -> None:
    curves = [Curve(str(i), (0.0, 1.0), (0.5, 0.5)) for i in range(3)]
    letters = {letter for letter, _ in draw(curves, 10, 6).marks.values()}
    assert letters == {"a", "b", "c"}


@given(st.floats(-1e12, 1e12), st.floats(0, 1e6))
def test_labels_are_short(value: float, spread: float) -> None:
    assert len(label(value, spread)) <= 7


@given(st.lists(FINITE, max_size=100))
def test_smoothing_nothing_changes_nothing(ys: list[float]) -> None:
    assert smoothed(tuple(ys), 0.0) == tuple(ys)


@given(FINITE, st.integers(1, 50), st.sampled_from([0.3, 0.6, 0.9]))
def test_smoothing_leaves_a_constant_alone(value: float, count: int, weight: float) -> None:
    found = smoothed((value,) * count, weight)
    assert all(math.isclose(y, value, rel_tol=1e-9, abs_tol=1e-9) for y in found)


def test_events_become_lines_over_all_stages() -> None:
    run = RunSeries()
    stages = (StagePlan("one", "One", 2, 10), StagePlan("two", "Two", 3, 10))
    for event in (
        events.Planned(stages=stages),
        events.Loss(stage="one", epoch=1, step=5, values={"total": 2.0}),
        events.EpochEnded(stage="two", epoch=0, values={"total": 1.0}, seconds=1.0),
        events.Scores(stage="two", epoch=0, on="validation", values={"i2t:mAP@all @32": 0.5}),
        events.Scores(stage="two", epoch=0, on="test", values={"i2t:mAP@all @32": 0.9}),
        events.Monitors(stage="two", epoch=3, values={"balance": 0.4}),
        events.Recovery(stage="two", epoch=1, values={"pairs precision": 0.7, "added": 0.0}),
    ):
        run.add(event)
    found = run.curves()
    assert found.stages == ((0.0, "one"), (20.0, "two"))
    assert found.panels[LOSSES] == (
        Curve("one total", (15.0,), (2.0,)),
        Curve("two total", (30.0,), (1.0,)),
    )
    assert found.panels[SCORES] == (Curve("i2t 32", (30.0,), (0.5,)),)
    assert found.panels[MONITORS] == (Curve("balance", (50.0,), (0.4,)),)  # not beyond the stage
    assert found.panels[RECOVERY] == (Curve("pairs precision", (40.0,), (0.7,)),)


def test_places_are_said_as_people_do() -> None:
    said = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 21: "21st"}
    assert {place: ordinal(place) for place in said} == said
    assert ordinal(113) == "113th"
    assert ordinal(1002) == "1,002nd"


def test_monitors_far_apart_stand_on_a_logarithmic_scale() -> None:
    def curve(name: str, *ys: float) -> Curve:
        return Curve(name, tuple(map(float, range(len(ys)))), ys)

    share, count = curve("balance", 0.9, 0.5), curve("distinct codes", 3.0, 90.0)
    assert on_log_scale(MONITORS, (share, count), log_scale=False)
    assert not on_log_scale(MONITORS, (share,), log_scale=False)
    assert not on_log_scale(LOSSES, (share, count), log_scale=False)
    assert not on_log_scale(SCORES, (share,), log_scale=True)
    assert on_log_scale(LOSSES, (share,), log_scale=True)


def test_stages_are_named_where_they_begin() -> None:
    """A panel that begins late names the stage that it begins in."""

    def axis(first: float) -> list[str]:
        chart = Chart("losses")
        chart._stages = ((0.0, "teacher"), (100.0, "student"), (200.0, "tuning"))
        picture = draw([Curve("a", (first, 300.0), (1.0, 0.0))], 60, 5)
        return chart._x_axis(picture, 60).split("┊")

    assert [part.split()[0] for part in axis(0)] == ["0", "teacher", "student", "tuning"]
    assert [part.split()[0] for part in axis(150)] == ["150", "student", "tuning"]
