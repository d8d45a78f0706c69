"""Figures written from where they are seen; comparison across protocols and by class."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from hashbench.report import class_tables, comparison, rows
from hashbench.report.figures import paper
from hashbench.report.rows import collect
from hashbench.report.run_curves import classes
from hashbench.tui.app import Workbench
from hashbench.tui.screens import figure_export
from hashbench.tui.screens.compare import Compare
from hashbench.tui.screens.figure_export import FigureForm
from hashbench.tui.widgets.field import Choice
from hashbench.tui.widgets.row_table import RowTable
from tests.report.scored_runs import scored_run
from tests.tui import fixtures
from tests.tui.driving import drive, text_of, until
from tests.tui.machine_runs import measured_run

SECONDS = 120.0  # other programs may have the processors


def notes_of(app: Workbench) -> str:
    return "\n".join(f"{one.title} {one.message}" for one in app._notifications)


async def ask(pilot: Pilot[None], app: Workbench, file: Path) -> None:
    """The figure of the screen, into a file."""
    await pilot.press("F")
    await until(pilot, lambda: isinstance(app.screen, FigureForm))
    app.screen.query_one(Input).value = str(file)
    await pilot.press("enter")
    await pilot.pause()


def test_the_dashboard_writes_the_figure_of_its_panel(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    measured_run(runs)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("7", "F")
        await until(pilot, lambda: isinstance(app.screen, FigureForm))
        assert "processors, memory and GPU" in text_of(app)
        form = app.screen
        form.query_one(Choice).focus()
        await pilot.press("right", "left")
        await pilot.pause()
        assert form.query_one(Input).value == "machine.pdf"
        form.query_one(Choice).focus()
        await pilot.press("right")
        await pilot.pause()
        assert form.query_one(Input).value.endswith(".pdf")
        assert form.query_one(Input).value != "machine.pdf"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.dashboard)
        file = tmp_path / "figure.svg"
        await ask(pilot, app, file)
        await until(pilot, file.exists, SECONDS)
        await until(pilot, lambda: str(file) in notes_of(app))
        assert file.read_text().startswith("<?xml")
        assert file.read_text().count("<path") > 10
        # nothing is overwritten unasked, and another ending is refused before anything is drawn
        await ask(pilot, app, file)
        assert "Overwrite?" in text_of(app)
        await pilot.press("n")
        await ask(pilot, app, tmp_path / "figure.jpeg")
        assert "is no form of figures" in notes_of(app)
        assert app.screen is app.dashboard

    drive(script, runs, tmp_path / "data", (80, 24))


def test_without_the_extra_one_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixtures.finished(tmp_path, fixtures.spec(), 1)
    monkeypatch.setattr(paper, "installed", lambda: False)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("F")
        await pilot.pause()
        assert app.screen is app.dashboard
        assert "pip install 'hashbench[plots]'" in notes_of(app)
        assert len(app._notifications) == 1

    drive(script, tmp_path, tmp_path / "data")


def test_what_cannot_be_drawn_is_said_and_nothing_written(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    fixtures.finished(runs, fixtures.spec("lsh"), 1, epochs=0)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await ask(pilot, app, tmp_path / "losses.png")
        await until(pilot, lambda: "nothing that was trained" in notes_of(app), SECONDS)
        assert not (tmp_path / "losses.png").exists()

    drive(script, runs, tmp_path / "data")


def test_without_runs_it_is_said_what_to_do(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("F")
        await pilot.pause()
        assert "choose or mark one" in notes_of(app)
        await pilot.press("c")
        await until(pilot, lambda: "no finished run" in text_of(app))
        for key in ("a", "c", "F"):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, Compare)
        assert figure_export.FORMS == ".pdf, .svg, .png"

    drive(script, tmp_path, tmp_path / "data")


def test_protocols_stand_side_by_side_in_compare(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    fixtures.finished(runs, fixtures.spec("prompthash"), 1, level=0.82)
    fixtures.finished(runs, fixtures.spec("prompthash", protocol="published"), 2, level=0.91)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("c")
        await until(pilot, lambda: app.screen.query("#table-1"))
        await pilot.press("a")
        await until(pilot, lambda: app.screen.query("#grid-1"))
        await pilot.pause()
        shown = text_of(app)
        assert "across protocols" in shown
        (gap,) = {line.split()[-2] for line in shown.splitlines() if "prompthash 32 i2t" in line}
        assert 4 < float(gap) < 14
        assert "audit of the encoder" in shown
        await pilot.press("b")
        await pilot.pause()
        assert "esc shows the tables" in notes_of(app)
        await pilot.press("x")
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "gap.md")
        await pilot.press("enter")
        await until(pilot, (tmp_path / "gap.md").exists)
        assert "| published" in (tmp_path / "gap.md").read_text()
        await pilot.press("escape")
        await until(pilot, lambda: app.screen.query("#table-1"))
        assert isinstance(app.screen, Compare)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.dashboard)

    drive(script, runs, tmp_path / "data", (120, 48))


def test_classes_are_compared_over_seeds(tmp_path: Path) -> None:
    good = [scored_run(tmp_path, method="lsh", seed=s, noise=0.1, second=s) for s in (0, 1)]
    bad = [scored_run(tmp_path, method="pca-sign", seed=0, noise=0.4, second=9)]
    collected = collect([*good, *bad])
    tables = comparison.compare(collected.finished)
    by_run = {run.id: classes(run) for run in (*good, *bad)}
    (grid,) = class_tables.grids(tables, by_run)
    assert grid.headers[:2] == ("class", "queries")
    assert len(grid.headers) == 2 + 4  # two rows, two directions
    column = next(n for n, title in enumerate(grid.headers) if title == "lsh 16 i2t")
    for row in grid.rows:
        of_class = [
            one["values"]["i2t 16"]
            for run in good
            for one in by_run[run.id]
            if one["name"] == row[0].text and "i2t 16" in one["values"]
        ]
        assert row[column].text == f"{sum(of_class) / len(of_class):.4f}"
        assert row[column].best  # far less noise
    assert class_tables.runs_of(tables) == [
        run for table in tables for row in table.rows for run in row.runs
    ]
    means = [[float(cell.text) for cell in row[2:] if cell.text[0].isdigit()] for row in grid.rows]
    hardness = [sum(values) / len(values) for values in means]
    assert hardness == sorted(hardness)
    assert rows.collect(good).finished

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("c")
        await until(pilot, lambda: app.screen.query("#table-0"))
        await pilot.press("c")
        await until(pilot, lambda: app.screen.query("#grid-0"), SECONDS)
        await pilot.pause()
        shown = text_of(app)
        assert "by class, AP" in shown
        assert grid.rows[0][column].text in shown
        assert app.screen.query_one("#grid-0", RowTable).cursor_row == 0
        await pilot.press("m")  # the tables of another metric are not these
        await pilot.pause()
        await pilot.press("c")
        await until(pilot, lambda: app.screen.query("#table-0"))

    drive(script, tmp_path, tmp_path / "data", (120, 36))
