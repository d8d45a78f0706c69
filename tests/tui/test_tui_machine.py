"""The history of a run's machine in the workbench, in `show`, as a figure and in reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot

from hashbench.errors import InputError
from hashbench.report import machine_history, rows
from hashbench.report.details import details
from hashbench.report.figures import catalog
from hashbench.report.figures.catalog import PlotOptions
from hashbench.report.machine_history import read_history, sentence, spark_lines, totals_of
from hashbench.report.pages.page import report_page
from hashbench.report.run_series import CAPACITY, CPU, GPU, HEAT, MACHINE_PANELS, MEMORY, RunSeries
from hashbench.runs import events
from hashbench.runs.events import GpuUse, MachineTotals
from hashbench.runs.machine_use import total
from hashbench.runs.state import RunState
from hashbench.runs.tailer import read_all
from hashbench.tui.app import Workbench
from hashbench.tui.axis import EPOCH, STEP, TIME, machine_on_axis
from hashbench.tui.widgets.chart import Chart
from hashbench.tui.widgets.panelset import PanelSet
from tests.tui import fixtures
from tests.tui.driving import drive, text_of, until
from tests.tui.machine_runs import GIB, measured_run, use


def test_the_history_lies_over_time_and_over_steps(tmp_path: Path) -> None:
    curves = read_history(measured_run(tmp_path).events)
    assert set(curves.machine) == set(MACHINE_PANELS)
    (cores,) = curves.machine[CPU]
    steps, seconds = curves.clock
    assert cores.xs[0] < seconds[0]  # it was measured while features were made
    assert cores.xs[-1] > seconds[-1]  # and while the run was scored
    assert machine_on_axis(curves, TIME).panels[CPU] == (cores,)
    for axis, last in ((STEP, 300.0), (EPOCH, 20.0)):
        (moved,) = machine_on_axis(curves, axis).panels[CPU]
        assert list(moved.xs) == sorted(moved.xs)
        assert 0 < moved.xs[0] < moved.xs[-1] <= last
        assert set(moved.ys) < set(cores.ys)
    # the same moment is the same step in every chart
    (on_steps,) = machine_on_axis(curves, STEP).panels[CPU]
    for x, y in list(zip(on_steps.xs, on_steps.ys, strict=True))[::40]:
        moment = cores.xs[cores.ys.index(y)]
        after = next(n for n, second in enumerate(seconds) if second >= moment)
        assert steps[max(0, after - 1)] - 1e-6 <= x <= steps[after] + 1e-6


def test_a_run_that_trains_nothing_has_its_history_over_time(tmp_path: Path) -> None:
    run = fixtures.folder(tmp_path, fixtures.spec("lsh"))
    fixtures.write_events(run, [fixtures.started(alive=False), *map(use, range(9))])
    curves = read_history(run.events)
    assert machine_on_axis(curves, STEP).panels == {}
    assert len(machine_on_axis(curves, TIME).panels[MEMORY][0].xs) == 9


def test_a_history_of_weeks_stays_small() -> None:
    series, state = RunSeries(), RunState()
    state.add(fixtures.started(alive=False))
    for number in range(3 * CAPACITY):
        series.add(use(number % 90), elapsed=float(number))
    (cores,) = series.curves().machine[CPU]
    assert len(cores.xs) <= CAPACITY
    assert cores.xs[-1] == 3 * CAPACITY - 1


def test_what_a_run_took_in_words(tmp_path: Path) -> None:
    gpu = GpuUse(0, 0.91, 61 * GIB, 80 * GIB, 78.0, 512.0)
    totals = MachineTotals(seconds=200.0, cpu=1.9, memory=1.4 * GIB, gpus=(gpu,), energy=102_400.0)
    assert sentence(totals) == (
        "1.9 cores busy, 1.4 GB of memory at most, gpu0 91% busy, gpu0 61.0 GB of 80.0 GB at most, "
        "gpu0 78 °C at most, gpu0 512 W, 28.4 Wh; measured for 3 min 20 s"
    )
    bare = MachineTotals(seconds=5.0, cpu=0.5, memory=GIB, gpus=(GpuUse(1),))
    assert machine_history.cells(bare) == ("5 s", "0.5 cores", "1.0 GB", "-", "-", "-", "-")


def test_show_and_report_say_what_was_measured(tmp_path: Path) -> None:
    run = measured_run(tmp_path)
    page = details(run)
    found = [event for event in read_all(run.events) if isinstance(event, events.MachineUse)]
    assert page["machine"]["sentence"] == sentence(total(found))
    json.dumps(page)
    history = page["machine"]["history"]
    assert len(history[CPU]["cores"]["values"]) == len(found)
    assert set(history[GPU]) == {"gpu0 load %", "gpu0 memory %"}
    names = [name for name, _ in spark_lines(read_history(run.events))]
    assert names == ["cpu", "memory GB", "gpu0 load %", "gpu0 memory %", "gpu0 °C", "gpu0 W"]
    # the end of a run that a worker wrote holds the sums; this one was recorded without
    assert totals_of(run) is None
    fixtures.write_events(run, [events.Finished(seconds=93.0, machine=total(found))])
    assert totals_of(run) == total(found)
    made = report_page(rows.collect([run]), [], [])
    (machines,) = (section for section in made.sections if section.title == "Machines")
    cells = [cell.text for cell in machines.grids[1].rows[0]]
    assert cells == [run.id, *machine_history.cells(total(found))]


def test_the_figure_has_a_panel_for_each_kind(tmp_path: Path) -> None:
    runs = [measured_run(tmp_path, 1), measured_run(tmp_path, 2, seed=1, gpu=False)]
    made = catalog.figure("machine", rows.collect(runs), PlotOptions())
    assert [panel.title for panel in made.panels] == [CPU, MEMORY, GPU, HEAT]
    assert [len(panel.series) for panel in made.panels] == [2, 2, 2, 2]
    assert made.panels[0].x.label == "seconds of work"
    assert [one.name for one in made.panels[0].series] == [
        "soda seed 0, cores",
        "soda seed 1, cores",
    ]
    assert made.runs == tuple(run.id for run in runs)
    plain = fixtures.finished(tmp_path, fixtures.spec("lsh"), 3)
    with pytest.raises(InputError, match="nothing was measured"):
        catalog.figure("machine", rows.collect([plain]), PlotOptions())


def test_the_charts_of_the_machine_take_the_place_of_the_training(tmp_path: Path) -> None:
    run = measured_run(tmp_path)
    plain = measured_run(tmp_path, 2, seed=1, gpu=False)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await until(pilot, lambda: plain.id in app.watched)
        panels = app.screen.query_one(PanelSet)

        def shown(name: str) -> bool:
            return bool(app.screen.query_one(f"#panel-{name}", Chart).display)

        assert shown("losses")
        assert not app.screen.query(".machine")
        await pilot.press("h")
        await pilot.pause()
        chart = {name: app.screen.query_one(f"#panel-{name}", Chart) for name in MACHINE_PANELS}
        assert app.settings.panel == CPU
        assert not shown("losses")
        assert chart[MEMORY].has_data
        # what a machine without a GPU cannot have gives its room away, unless it is asked for
        assert not shown(GPU)
        await pilot.press("8")
        await pilot.pause()
        assert shown(GPU)
        assert "no GPU" in text_of(app)
        await pilot.press("j")
        await until(pilot, lambda: run.id in app.watched and chart[HEAT].has_data)
        await pilot.press("6", "comma", "plus")
        await pilot.pause()
        places = {chart[name]._view.cursor for name in MACHINE_PANELS}
        assert len(places) == 1
        assert None not in places
        assert "student epoch" in text_of(app)
        await pilot.press("escape", "escape", "X", "X")
        await pilot.pause()
        assert chart[CPU]._curves == read_history(run.events).machine[CPU]
        assert panels.of_machine
        await pilot.press("5")  # the log belongs to both
        await pilot.pause()
        assert panels.of_machine
        await pilot.press("h")
        await pilot.pause()
        assert shown("losses")
        assert not shown(CPU)

    drive(script, tmp_path, Path("data"), (160, 48))
