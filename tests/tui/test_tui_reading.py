"""Reading values off the charts, warnings in the workbench, and what differs between runs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Static

from hashbench.report.run_series import Curve, Curves, RunSeries
from hashbench.runs import events
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.tailer import read_all
from hashbench.tui import axis
from hashbench.tui.app import Workbench
from hashbench.tui.axis import EPOCH, STEP, TIME, Map, clipped, on_axis, place_text, value_at
from hashbench.tui.widgets.chart import TICKS, Chart
from hashbench.tui.widgets.row_table import RowTable
from tests.tui import fixtures
from tests.tui.driving import drive, text_of, until

RISING = st.lists(st.integers(0, 1000), min_size=2, max_size=30, unique=True).map(sorted)


def warned(runs_dir: Path, minute: int = 1, seed: int = 0) -> RunFolder:
    """A finished run whose bits are constant, resumed in its eleventh epoch."""
    wanted = fixtures.spec(seed=seed)
    run = fixtures.folder(runs_dir, wanted, minute)
    constant = (
        events.Monitors(stage="teacher", epoch=epoch, values={"constant bits": 0.9})
        for epoch in range(7, 10)
    )
    first = [fixtures.started(alive=False), *fixtures.training(10), *constant]
    later = [event for event in fixtures.training(20) if getattr(event, "stage", "") == "student"]
    fixtures.write_events(run, [*first, fixtures.started(alive=False, resumed=True), *later])
    fixtures.finish(run, wanted, 0.8)
    fixtures.write_events(run, [events.Finished(seconds=93.0, warnings=("constant-bits",))])
    return run


def curves_of(run: RunFolder) -> Curves:
    state, series = RunState(), RunSeries()
    for event in read_all(run.events):
        state.add(event)
        series.add(event, state.elapsed)
    return series.curves(state.warned.warnings)


@given(RISING, st.floats(-10, 1010))
def test_an_axis_leads_there_and_back(steps: list[int], x: float) -> None:
    """From steps to another axis that rises, and back, also beyond the ends."""
    xs = tuple(map(float, steps))
    to = Map(xs, tuple(3.0 * n + 1 for n in range(len(xs))))
    assert to.back(to(x)) == pytest.approx(x, abs=1e-6)
    assert [to(one) for one in xs] == pytest.approx(list(to.ys))


@given(RISING, st.floats(-100, 1100), st.floats(-100, 1100))
def test_a_stretch_keeps_what_is_inside_and_meets_its_edges(
    steps: list[int], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    xs = tuple(map(float, steps))
    curve = Curve("c", xs, tuple(x * x for x in xs))
    part = clipped(curve, low, high)
    kept = [(x, y) for x, y in zip(xs, curve.ys, strict=True) if low <= x <= high]
    assert set(kept) <= set(zip(part.xs, part.ys, strict=True))
    assert all(low <= x <= high for x in part.xs)
    assert list(part.xs) == sorted(set(part.xs))
    added = set(part.xs) - {x for x, _ in kept}
    assert added <= {low, high}
    # it is cut at an edge exactly where the curve goes on beyond it
    if high > low:
        assert (low in part.xs) == (xs[0] <= low <= xs[-1])
        assert (high in part.xs) == (xs[0] <= high <= xs[-1])


@given(RISING, st.integers(-20, 2020).map(lambda twice: twice / 2))
def test_the_value_under_the_cursor_is_the_last_one_before_it(steps: list[int], x: float) -> None:
    curve = Curve("c", tuple(map(float, steps)), tuple(float(n) for n in range(len(steps))))
    before = [y for at, y in zip(curve.xs, curve.ys, strict=True) if at <= x]
    assert value_at(curve, x) == (before[-1] if before else None)


def test_epochs_time_and_marks_of_a_run(tmp_path: Path) -> None:
    curves = curves_of(warned(tmp_path))
    assert [(mark.sign, mark.text) for mark in curves.marks] == [
        ("↻", "resumed"),
        ("⚠", "constant-bits"),
    ]
    assert [mark.x for mark in curves.marks] == [155.0, 150.0]
    by_epoch = on_axis(curves, EPOCH)
    (score, _) = by_epoch.panels["mAP"]
    assert score.xs == pytest.approx(range(1, 21))
    assert by_epoch.stages == ((0.0, "teacher"), (10.0, "student"))
    assert axis.epoch_ends(curves, STEP) == tuple(float(15 * n) for n in range(1, 21))
    assert place_text(curves, STEP, 30).startswith("step 30, teacher epoch 2, ")
    assert place_text(curves, EPOCH, 10.5).startswith("step 158, student epoch 1, ")
    seconds = on_axis(curves, TIME).panels["mAP"][0].xs
    assert all(later > earlier for earlier, later in pairwise(seconds))


def test_the_cursor_shows_all_panels_at_the_same_step(tmp_path: Path) -> None:
    run = warned(tmp_path)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await until(pilot, lambda: run.id in app.watched)
        charts = {name: app.screen.query_one(f"#panel-{name}", Chart) for name in ("losses", "mAP")}
        score = curves_of(run).panels["mAP"][0]
        await until(pilot, lambda: charts["mAP"].has_data)
        await pilot.press("comma")
        await pilot.press(*["full_stop"] * 5, "greater_than_sign")
        places = {chart._view.cursor for chart in charts.values()}
        (at,) = places
        assert at is not None
        text = text_of(app)
        assert f"step {round(at)}, student epoch" in text
        assert f"a i2t 32 {value_at(score, at):.3f}" in text
        assert text.count("│") > 4
        await pilot.press("escape")
        assert charts["mAP"]._view.cursor is None
        assert f"a i2t 32 {score.ys[-1]:.3f}" in text_of(app)

    drive(script, tmp_path, Path("data"), (160, 48))


def test_a_stretch_by_keys_mouse_and_wheel(tmp_path: Path) -> None:
    run = warned(tmp_path)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await until(pilot, lambda: run.id in app.watched)
        chart = app.screen.query_one("#panel-losses", Chart)
        await until(pilot, lambda: chart.has_data)
        whole = chart.x_range
        await pilot.press("plus")
        low, high = chart.x_range
        assert high - low == pytest.approx((whole[1] - whole[0]) / 2)
        await pilot.press("minus", "minus")
        assert chart.x_range == whole
        # the first cell of the plot is behind the border, the ticks and the axis
        left = 1 + TICKS + 1
        await pilot.mouse_down(chart, offset=(left + 10, 3))
        await pilot.hover(chart, offset=(left + 30, 3))
        await pilot.mouse_up(chart, offset=(left + 30, 3))
        await pilot.pause()
        cell = (whole[1] - whole[0]) / (chart.columns - 1)
        assert chart.x_range == pytest.approx((whole[0] + 10 * cell, whole[0] + 30 * cell))
        assert app.screen.query_one("#panel-mAP", Chart)._view.span == chart._view.span
        await pilot.click(chart, offset=(left, 3))
        await pilot.pause()
        assert chart._view.cursor == pytest.approx(chart.x_range[0])
        await pilot.press("escape", "escape")
        assert chart.x_range == whole
        await pilot.press("X")
        assert chart._view.unit == "epochs"
        assert chart.x_range[1] == pytest.approx(20)

    drive(script, tmp_path, Path("data"), (160, 48))


def test_a_warned_run_is_marked_and_listed_among_the_alerts(tmp_path: Path) -> None:
    run = warned(tmp_path)
    fixtures.finished(tmp_path, fixtures.spec(seed=1), 2)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("G")
        await until(pilot, lambda: "⚠ constant-bits" in text_of(app))
        assert "✓ finished ⚠" in text_of(app)
        await pilot.press("w", "h", "h")  # all of the past: the events are old
        table = app.screen.query_one("#alerts", RowTable)
        await until(pilot, lambda: len(table._keys) >= 3)
        await pilot.press("o")
        await pilot.pause()
        assert table.cursor_row.kind == "warning"
        shown = str(app.screen.query_one("#alert", Static).content)
        assert "90% of the bits" in shown
        assert "try: " in shown
        await pilot.press("enter")
        await until(pilot, lambda: "warning constant-bits (teacher epoch 10)" in text_of(app))

    app = drive(script, tmp_path, Path("data"))
    assert app.views[run.id].warnings == ("constant-bits",)


def test_what_differs_between_the_marked_runs(tmp_path: Path) -> None:
    for number, ablations in enumerate([(), ("no-prompt",)]):
        fixtures.finished(tmp_path, fixtures.spec(ablations=ablations), number, level=0.7)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("d")
        await pilot.pause()
        assert len(app.screen_stack) == 1  # one run cannot differ
        await pilot.press("a", "d")
        table = app.screen.query_one("#differences", RowTable)
        await until(pilot, lambda: table._keys)
        keys = [row.key for row in table._rows]
        assert "ablations" in keys
        assert not {"dataset.name", "seed", "bits", "method"} & set(keys)
        text = text_of(app)
        assert "soda no-prompt" in text
        assert "agree" in text

    drive(script, tmp_path, Path("data"), (100, 24))
