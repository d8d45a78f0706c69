"""Every screen and key, by the pilot, over recorded runs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from hashbench.launch import actions, spawn
from hashbench.runs import control, queue, tags
from hashbench.runs.layout import RunFolder
from hashbench.tui.app import Workbench
from hashbench.tui.run_row import RunView
from hashbench.tui.screens.compare import Compare
from hashbench.tui.screens.dashboard import Dashboard
from hashbench.tui.screens.detail import Detail
from hashbench.tui.screens.dialogs import Confirm, Form, Help
from hashbench.tui.widgets.bars import TopBar
from hashbench.tui.widgets.chart import Chart
from hashbench.tui.widgets.log_view import LogView
from hashbench.tui.widgets.panelset import PanelSet
from hashbench.tui.widgets.prompt_line import PromptLine
from hashbench.tui.widgets.row_table import RowTable
from tests.tui import fixtures
from tests.tui.driving import drive, send_at_once, svg_text, text_of, until

Made = dict[str, RunFolder]


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def made(runs_dir: Path) -> Made:
    return fixtures.one_of_each(runs_dir)


def table(app: Workbench) -> RowTable[RunView]:
    return app.screen.query_one("#runs", RowTable)


async def go_to(pilot: Pilot[None], app: Workbench, run: RunFolder) -> None:
    table(app).move_to(run.id)
    await until(pilot, lambda: run.id in app.watched)
    await pilot.pause()


def notifications(app: Workbench) -> str:
    """All notifications so far."""
    return "\n".join(f"{note.title} {note.message}" for note in app._notifications)


def test_all_states_stand_in_the_table_in_words(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        shown = text_of(app)
        for word in ("queued", "running", "paused", "stopped", "finished", "failed", "lost"):
            assert word in shown or word in app.screen.query_one(TopBar)._texts[0]
        await pilot.press("G")
        await pilot.pause()
        assert table(app).cursor_key == made["finished"].id
        await pilot.press("g", "j", "k", "pagedown", "pageup", "down", "up", "end", "home")
        await pilot.pause()
        assert table(app).cursor_key == made["running"].id

    drive(script, runs_dir, tmp_path)


def test_filter_sort_and_marks(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("slash", *"finished lsh".replace(" ", "_"))
        line = app.screen.query_one("PromptLine", Input)
        line.value = "finished lsh"
        await pilot.pause()
        assert [row.id for row in table(app)._rows] == [made["lsh"].id]
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert len(table(app)._rows) == len(made)
        await pilot.press("o", "o")  # by run, and then by state, from a to z
        await pilot.pause()
        states = [str(row.status) for row in table(app)._rows]
        assert states == sorted(states)
        await pilot.press("O")
        await pilot.pause()
        assert [str(row.status) for row in table(app)._rows] == sorted(states, reverse=True)
        await pilot.press("space", "space")
        await pilot.pause()
        assert "2 marked" in str(table(app).border_title)
        await pilot.press("a")
        await pilot.pause()
        assert f"{len(made)} marked" in str(table(app).border_title)
        await pilot.press("escape")
        await pilot.pause()
        assert "marked" not in str(table(app).border_title)

    drive(script, runs_dir, tmp_path)


def test_a_click_on_a_header_sorts_and_one_on_a_row_chooses(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        grid = table(app)
        line = grid.render_line(0).text
        await pilot.click("#runs", offset=(line.index("mAP") + 2, 1))
        await pilot.pause()
        scores = [row.score for row in grid._rows if row.score is not None]
        assert scores == sorted(scores, reverse=True)
        await pilot.press("g")
        await pilot.click("#runs", offset=(10, 4))
        await pilot.pause()
        assert grid.cursor_key == grid._rows[2].id
        await pilot.click("#runs", offset=(10, 3), times=2)
        await pilot.pause()
        assert isinstance(app.screen, Detail)

    drive(script, runs_dir, tmp_path)


def test_panels_show_the_run_under_the_cursor(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["running"])
        for key, name in zip("1234", ("losses", "mAP", "recovery", "monitors"), strict=True):
            await pilot.press(key)
            await pilot.pause()
            chart = app.screen.query_one(f"#panel-{name}", Chart)
            assert chart.has_data
            assert chart.display
            if name == "recovery":
                assert "precision 0.8" in text_of(app)
        assert app.screen.query_one("#panel-monitors", Chart).border_title == "monitors"
        losses = app.screen.query_one("#panel-losses", Chart)
        await pilot.press("1", "l", "m")
        await pilot.pause()
        assert losses.border_title == "losses (log, smoothed 0.6)"
        await pilot.press("z")
        await pilot.pause()
        assert app.screen.maximized is losses
        await pilot.press("2")
        await pilot.pause()
        assert app.screen.maximized is app.screen.query_one("#panel-mAP")
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen.maximized is None

    drive(script, runs_dir, tmp_path)


def test_pinned_runs_are_laid_over_the_chosen_one(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["finished"])
        await pilot.press("i")
        await go_to(pilot, app, made["running"])
        chart = app.screen.query_one("#panel-mAP", Chart)
        await until(pilot, lambda: len(chart._curves) == 4)
        assert {curve.name for curve in chart._curves} == {
            f"{name} {direction} 32"
            for name in ("soda known 0.3 AN 64 bits seed 5", "soda 32 bits seed 0")
            for direction in ("i2t", "t2i")
        }  # fmt: skip
        await pilot.press("x")
        await until(pilot, lambda: len(chart._curves) == 2)

    drive(script, runs_dir, tmp_path)


def test_the_log_can_be_searched(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["lost"])
        await pilot.press("5")
        await pilot.pause()
        log = app.screen.query_one(LogView)
        assert app.focused is log
        assert "last words before the kill" in text_of(app)
        await pilot.press("slash", *"epoch", "enter")
        await pilot.pause()
        assert log.matches > 3
        assert str(log.border_title).startswith("log: ")
        before = log._match
        await pilot.press("N")
        assert log._match == before - 1
        await pilot.press("n")
        assert log._match == before
        await pilot.press("escape")
        await pilot.pause()
        assert app.focused is table(app)
        assert log.border_title == "log"

    drive(script, runs_dir, tmp_path)


def test_pause_stop_and_resume_are_control_requests(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["running"])
        await pilot.press("p")
        await until(pilot, lambda: control.read(made["running"]) == "pause")
        await pilot.press("s")
        await until(pilot, lambda: control.read(made["running"]) == "stop")
        await go_to(pilot, app, made["paused"])
        await pilot.press("p")
        await until(pilot, lambda: control.read(made["paused"]) == "go")
        await go_to(pilot, app, made["finished"])
        await pilot.press("s")
        text = "is finished: it has no worker to stop"
        await until(pilot, lambda: text in notifications(app))

    drive(script, runs_dir, tmp_path)


def test_interrupted_runs_are_resumed_through_the_queue_and_failed_ones_retried(
    made: Made, runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued: list[str] = []

    class Process:
        returncode = 0

        def poll(self) -> int:
            return 0

    def enqueue(run: RunFolder, data_dir: Path) -> Process:
        enqueued.append(run.id)
        return Process()

    monkeypatch.setattr(spawn, "enqueue", enqueue)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        for name in ("stopped", "lost", "failed"):
            await go_to(pilot, app, made[name])
            await pilot.press("space")
        await pilot.press("r")
        await until(pilot, lambda: "then R retries it" in notifications(app))
        await until(pilot, lambda: set(enqueued) == {made["stopped"].id, made["lost"].id})
        await pilot.press("escape")
        await go_to(pilot, app, made["failed"])
        await pilot.press("R")
        await until(pilot, lambda: made["failed"].id in enqueued)
        await go_to(pilot, app, made["finished"])
        await pilot.press("R")
        await until(pilot, lambda: "is finished; only failed" in notifications(app))

    drive(script, runs_dir, tmp_path)


def test_the_place_in_the_queue_is_shown_and_changed(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    """Runs that wait here hold their tickets in this process."""
    line = queue.of(runs_dir)
    tickets = [line.enter(made[name].id, "cpu", 0) for name in ("queued", "running", "lost")]
    waits = fixtures.waiting(priority=7)
    for name in ("queued", "running", "lost"):
        fixtures.write_events(made[name], [waits])

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await until(pilot, lambda: app.views[made["lost"].id].place == 3)
        await go_to(pilot, app, made["lost"])
        assert "◌ queued 3rd" in text_of(app)
        about = app.screen.query_one("#about", Static)
        assert "queued  waits for cpu, number 3 in the queue, priority 7" in str(about.visual)
        log = [line.text for line in app.watched[made["lost"].id].log]
        assert "waits in the queue, priority 7" in log[-1]
        await pilot.press("P")
        await pilot.pause()
        app.screen.query_one(Input).value = "5"
        await pilot.press("enter")
        await until(pilot, lambda: app.views[made["lost"].id].place == 1)
        assert next(iter(queue.positions(runs_dir))) == made["lost"].id

    try:
        drive(script, runs_dir, tmp_path)
    finally:
        for ticket in tickets:
            ticket.close()


def test_kill_asks_and_ends_the_worker(
    made: Made, runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[str] = []
    monkeypatch.setattr(actions, "kill", lambda run: killed.append(run.id))

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["running"])
        await pilot.press("K")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)
        await pilot.press("enter")  # No has the focus
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)
        assert killed == []
        await pilot.press("K", "y")
        await until(pilot, lambda: killed == [made["running"].id])

    drive(script, runs_dir, tmp_path)


def test_delete_asks_and_removes_marked_folders_but_none_that_lives(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        for name in ("failed", "lsh", "running"):
            await go_to(pilot, app, made[name])
            await pilot.press("space")
        await pilot.press("D", "n")
        await pilot.pause()
        assert made["failed"].path.is_dir()
        await pilot.press("D", "y")
        await until(pilot, lambda: made["failed"].id not in app.views)
        await until(pilot, lambda: "its worker is still running" in notifications(app))
        assert not made["failed"].path.exists()
        assert not made["lsh"].path.exists()
        assert made["running"].path.is_dir()
        await pilot.press("U")
        await until(pilot, lambda: {made["failed"].id, made["lsh"].id} <= app.views.keys())
        assert made["lsh"].spec.is_file()

    drive(script, runs_dir, tmp_path)


def test_name_and_tags_are_written_and_shown(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    run = made["finished"]

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, run)
        await pilot.press("t")
        await pilot.pause()
        assert isinstance(app.screen, Form)
        await pilot.press(*"best", "tab", *"paper", "enter")
        await until(pilot, lambda: app.views[run.id].name == "best")
        assert tags.read(run).tags == ("paper",)
        await pilot.pause()
        assert "best" in text_of(app)
        await pilot.press("t", "escape")
        await pilot.pause()
        assert tags.read(run).name == "best"

    drive(script, runs_dir, tmp_path, (120, 40))


def test_id_and_path_go_to_the_clipboard(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["lsh"])
        await pilot.press("y")
        await pilot.pause()
        assert app.clipboard == made["lsh"].id
        await pilot.press("f")
        await pilot.pause()
        assert app.clipboard == str(made["lsh"].path.resolve())

    drive(script, runs_dir, tmp_path)


@pytest.mark.parametrize("name", ["finished", "failed", "running"])
def test_detail_shows_all_pages(name: str, made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made[name])
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Detail)
        await until(pilot, lambda: "student_" in text_of(app) or "picturebook" in text_of(app))
        assert "method" in text_of(app)
        if name == "failed":
            assert "a smaller learning rate" in text_of(app)
        await pilot.press("2")
        await pilot.pause()
        wanted = "mAP@all" if name == "finished" else "no result yet"
        await until(pilot, lambda: wanted in text_of(app))
        if name == "finished":
            assert "clean" in text_of(app)
            assert "worst-best" in text_of(app)  # the range over tie rules
        await pilot.press("5")
        await pilot.pause()
        wanted = "precision" if name == "running" else "no recovered labels"
        assert wanted in text_of(app)
        await pilot.press("right", "right", "left", "6", "escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)

    drive(script, runs_dir, tmp_path, (100, 50))


def test_detail_of_a_run_that_vanishes_goes_back(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["failed"])
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("D", "y")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        assert "is gone" in notifications(app)

    drive(script, runs_dir, tmp_path)


def test_compare_shows_tables_and_exports_them(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("c")
        await pilot.pause()
        assert isinstance(app.screen, Compare)
        await until(pilot, lambda: app.screen.query("#table-0"))
        await pilot.pause()
        shown = text_of(app)
        assert "2 finished runs in 1 table, mAP@all" in shown
        assert "lsh" in shown
        assert "* " in shown
        assert "not finished" in shown
        await pilot.press("m")
        await until(pilot, lambda: "mAP@all(tie=worst)" in text_of(app))
        for suffix, wanted in ((".md", "| method "), (".csv", "table,dataset"),
                               (".tex", r"\begin{tabular}"), (".svg", "<svg")):  # fmt: skip
            path = tmp_path / f"out{suffix}"
            await pilot.press("x")
            await pilot.pause()
            app.screen.query_one(Input).value = str(path)
            await pilot.press("enter")
            await until(pilot, path.is_file)
            assert wanted in path.read_text()
        await pilot.press("x")
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "out.doc")
        await pilot.press("enter")
        await pilot.pause()
        assert "'.doc' is no format" in notifications(app)
        await pilot.press("x")
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "out.md")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)  # nothing is overwritten without a word
        await pilot.press("n", "u", "left", "right", "escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)

    drive(script, runs_dir, tmp_path, (120, 40))


def test_left_and_right_reach_the_columns_that_find_no_room(runs_dir: Path, tmp_path: Path) -> None:
    for minute, (method, seed) in enumerate(itertools.product(("soda", "lsh"), range(2))):
        wanted = fixtures.spec(method, (16, 32, 64, 128), seed)
        fixtures.finished(runs_dir, wanted, minute, level=0.5 + 0.1 * minute)
    titles = [f"{bits} {direction}" for bits in (16, 32, 64, 128) for direction in ("i2t", "t2i")]

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("c")
        await until(pilot, lambda: app.screen.query("#table-0"))
        await pilot.pause()
        grid = app.screen.query_one("#table-0", RowTable)
        shown = {title for title in titles if title in text_of(app)}
        hidden = len(titles) - len(shown)
        assert 0 < hidden < len(titles)
        assert f"{hidden} more columns: → " in text_of(app)
        for _ in titles:
            await pilot.press("right")
            await pilot.pause()
            assert "method" in text_of(app)  # names stay in sight
            shown |= {title for title in titles if title in text_of(app)}
        assert shown == set(titles)
        assert titles[-1] in text_of(app)
        assert f"{sum(grid.hidden_columns)} more columns: ← " in text_of(app)
        await pilot.press(*["left"] * len(titles))
        await pilot.pause()
        assert f"{hidden} more columns: → " in text_of(app)
        below = grid.region.bottom - 1  # the arrows in the border can be clicked
        await pilot.click(offset=(text_of(app).splitlines()[below].index("→"), below))
        await pilot.pause()
        assert grid.hidden_columns[0] == 1

    drive(script, runs_dir, tmp_path)


def test_an_exported_picture_holds_all_columns_and_no_notification(
    runs_dir: Path, tmp_path: Path
) -> None:
    for minute, method in enumerate(("soda", "lsh")):
        fixtures.finished(runs_dir, fixtures.spec(method, (16, 32, 64, 128)), minute)
    path = tmp_path / "out.svg"

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("c")
        await until(pilot, lambda: app.screen.query("#table-0"))
        app.notify("a notification on the screen")
        await pilot.press("x")
        await pilot.pause()
        app.screen.query_one(Input).value = str(path)
        await pilot.press("enter")
        await until(pilot, path.is_file)

    drive(script, runs_dir, tmp_path)
    picture = svg_text(path.read_text())
    for title in ("16 i2t", "128 t2i", "method", "random floor"):
        assert title in picture
    assert "notification" not in picture


def test_marked_runs_are_compared_and_a_failed_export_is_reported(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["lsh"])
        await pilot.press("space", "c")
        await until(pilot, lambda: app.screen.query("#table-0"))
        await pilot.pause()
        assert "1 finished run in 1 table" in text_of(app)
        await pilot.press("b")
        await pilot.pause()
        assert "no other row" in notifications(app)
        await pilot.press("x")
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "file" / "out.md")
        await pilot.press("enter")
        await until(pilot, lambda: "cannot be written" in notifications(app))

    drive(script, runs_dir, tmp_path)


def test_help_and_palette(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, Help)
        shown = text_of(app)
        assert "keys of runs" in shown
        await pilot.press("escape")
        await pilot.pause()
        names = [name for name, _, _ in app.screen.commands()]  # type: ignore[attr-defined]
        assert {"Compare", "New", "Delete", "Pin"} <= set(names)
        await pilot.press("colon")
        await until(pilot, lambda: "CommandPalette" in type(app.screen).__name__)
        await pilot.press(*"Compare")
        await until(pilot, lambda: "key c" in text_of(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Compare))

    drive(script, runs_dir, tmp_path)


def test_a_key_after_an_enter_is_no_letter_of_the_filter(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        send_at_once(app, "slash", *"fin", "enter", "c")
        await until(pilot, lambda: isinstance(app.screen, Compare))
        assert app.settings.filter == "fin"

    drive(script, runs_dir, tmp_path)


def test_a_click_on_a_key_in_the_footer_presses_it(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        line = text_of(app).splitlines()[-1]
        await pilot.click("KeyBar", offset=(line.index("filter"), 0))
        await pilot.pause()
        assert app.screen.query_one(PromptLine).has_class("-open")

    drive(script, runs_dir, tmp_path)


def test_what_was_chosen_is_remembered(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def first(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("o", "o", "O", "3")
        await pilot.press("slash", *"soda", "enter", "i")
        app.theme = "nord"
        await pilot.pause()

    async def second(pilot: Pilot[None], app: Workbench) -> None:
        assert app.settings.sort == "state"
        assert app.settings.descending
        assert app.settings.filter == "soda"
        assert len(app.settings.pinned) == 1
        assert app.screen.query_one(PanelSet).chosen == "recovery"
        assert app.theme == "nord"

    drive(first, runs_dir, tmp_path)
    drive(second, runs_dir, tmp_path)


def test_settings_that_are_damaged_or_cannot_be_written_are_ignored(
    made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("a file where a folder should be")

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("o")
        await pilot.pause()
        assert "cannot be remembered" in notifications(app)

    app = drive(script, runs_dir, tmp_path)
    config.unlink()
    app.settings_path.parent.mkdir(parents=True)
    app.settings_path.write_text(json.dumps({"sort": 7}))

    async def again(pilot: Pilot[None], app: Workbench) -> None:
        assert app.settings.sort == "running first"

    drive(again, runs_dir, tmp_path)


def test_an_empty_folder_explains_what_to_do(runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        assert "n launches one" in text_of(app)
        # keys that need a run do nothing
        await pilot.press("enter", "p", "s", "r", "K", "D", "t", "y", "f", "space", "i", "e")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)

    drive(script, runs_dir, tmp_path)


def test_bad_folders_are_shown_and_opened_without_a_crash(runs_dir: Path, tmp_path: Path) -> None:
    fixtures.foreign(runs_dir)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        assert "is not a" in text_of(app)
        for run in list(app.views):
            table(app).move_to(run)
            await pilot.press("enter")
            await pilot.pause()
            await pilot.press("2", "4", "6", "escape")
            await pilot.pause()
        await pilot.press("c")
        await until(pilot, lambda: "left out" in text_of(app))

    drive(script, runs_dir, tmp_path, (100, 40))


@pytest.mark.parametrize("size", [(120, 36), (250, 70), (40, 10)])
def test_every_size_shows_every_screen(
    size: tuple[int, int], made: Made, runs_dir: Path, tmp_path: Path
) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        for keys in (["enter", "escape"], ["n", "escape"], ["c", "escape"], ["question_mark"]):
            await pilot.press(*keys)
            await pilot.pause()
        lines = text_of(app).splitlines()
        assert len(lines) == size[1]
        assert "? help" in lines[-1]  # at any width, and esc where it leads back
        await pilot.press("escape")
        await pilot.pause()
        await pilot.resize_terminal(250 - size[0] + 40, 24)
        await pilot.pause()
        assert "state" in text_of(app)

    drive(script, runs_dir, tmp_path, size)


def test_without_colour_everything_is_written_in_words(
    made: Made, runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        assert app.no_color
        await go_to(pilot, app, made["running"])
        shown = text_of(app)
        for word in ("● running", "✓ finished", "▸", "1 losses", "a teacher pairwise"):
            assert word in shown, word

    drive(script, runs_dir, tmp_path, (80, 40))


def test_quit(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)

    drive(script, runs_dir, tmp_path)


def test_the_summary_explains_why_a_run_failed(made: Made, runs_dir: Path, tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await go_to(pilot, app, made["failed"])
        assert "the loss is not finite" in str(app.screen.query_one("#about", Static).visual)

    drive(script, runs_dir, tmp_path, (160, 48))
