"""What the workbench remembers and forgives: order, columns, the tour, presets, estimates."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from hashbench.plan import catalog, saved_presets
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.spec import RunSpec
from hashbench.runs import trash
from hashbench.tui import settings
from hashbench.tui.app import Workbench
from hashbench.tui.screens import estimate as estimate_screen
from hashbench.tui.screens.column_choice import WORDS
from hashbench.tui.screens.columns import ALWAYS, run_columns
from hashbench.tui.screens.dashboard import Dashboard
from hashbench.tui.screens.estimate import Estimate
from hashbench.tui.screens.launch import Launch
from hashbench.tui.screens.tour import Tour, first_time
from hashbench.tui.widgets.field import Field
from hashbench.tui.widgets.picklist import PickList
from hashbench.tui.widgets.row_table import RowTable
from tests.tui import fixtures
from tests.tui.cards import ALPHA, BETA, SMALL
from tests.tui.driving import drive, text_of, until


def states(app: Workbench) -> list[str]:
    return [str(view.status) for view in app.dashboard.table._rows]


def test_what_runs_stands_on_top_until_somebody_orders_otherwise(tmp_path: Path) -> None:
    fixtures.one_of_each(tmp_path / "runs")

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        shown = states(app)
        live = [state for state in shown if state in ("running", "paused", "queued")]
        assert live
        assert shown[: len(live)] == sorted(live, key=["running", "paused", "queued"].index)
        rest = [view.id for view in app.dashboard.table._rows[len(live) :]]
        assert rest == sorted(rest, reverse=True)  # the newest first
        assert "running first" in text_of(app)
        await pilot.press("o")
        ids = [view.id for view in app.dashboard.table._rows]
        assert ids == sorted(ids, reverse=True)

    app = drive(script, tmp_path / "runs", tmp_path)
    assert settings.load(app.settings_path).sort == "run"


def test_a_click_on_a_title_sorts_and_a_double_click_opens(tmp_path: Path) -> None:
    for seed in range(3):
        fixtures.finished(tmp_path / "runs", fixtures.spec(seed=seed), seed)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        table = app.dashboard.table
        start = 1
        for column, width in table._layout(table.size.width):
            if column.key == "mAP":
                break
            start += width + 1
        await pilot.click("#runs", offset=(start + 2, 1))  # below the border
        await until(pilot, lambda: app.settings.sort == "mAP")
        await pilot.click("#runs", offset=(5, 3))
        await until(pilot, lambda: table.cursor_row is table._rows[1])
        await pilot.double_click("#runs", offset=(5, 3))
        await until(pilot, lambda: app.screen.query("#pages"))

    drive(script, tmp_path / "runs", tmp_path, (120, 36))


def test_columns_are_chosen_and_remembered(tmp_path: Path) -> None:
    fixtures.finished(tmp_path / "runs", fixtures.spec(), 0)
    every = {column.key for column in run_columns({}, ())} - set(ALWAYS)
    assert every == WORDS.keys()

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        assert "dataset" in text_of(app)
        await pilot.press("v")
        await until(pilot, lambda: "columns of the table" in text_of(app))
        picks = app.screen.query_one("#columns")
        assert isinstance(picks, RowTable)
        picks.move_to("dataset")
        await pilot.press("space", "escape")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await until(pilot, lambda: "dataset" not in text_of(app).split("losses")[0])

    app = drive(script, tmp_path / "runs", tmp_path, (160, 48))
    assert "dataset" in settings.load(app.settings_path).hidden_columns

    async def again(pilot: Pilot[None], app: Workbench) -> None:
        assert "dataset" not in [column.key for column in app.dashboard._columns()]

    drive(again, tmp_path / "runs", tmp_path, (160, 48))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"hidden_columns": 3}', b"\xff"])
def test_damaged_settings_never_stop_the_start(content: bytes, tmp_path: Path) -> None:
    path = settings.path_for(tmp_path / "runs")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert settings.load(path) == settings.Settings()


def test_the_tour_is_shown_once_and_comes_back_from_the_help(tmp_path: Path) -> None:
    path = settings.path_for(tmp_path / "runs")
    assert first_time(path)

    async def run() -> None:
        app = Workbench(tmp_path / "runs", tmp_path, machine=None, tour=first_time(path))
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, Tour))
            assert not first_time(path)  # seen already, whatever happens to this process
            await until(pilot, lambda: "welcome to hashbench" in text_of(app))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, Dashboard))
            await pilot.press("question_mark")
            await pilot.pause()
            await pilot.press("t")
            await until(pilot, lambda: isinstance(app.screen, Tour))

    asyncio.run(run())


def test_undo_says_where_nothing_is_to_be_undone(tmp_path: Path) -> None:
    run = fixtures.finished(tmp_path / "runs", fixtures.spec(), 0)
    trash.put(run, trash.moment())

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        assert app.views == {}
        await pilot.press("U")
        await until(pilot, lambda: run.id in app.views)
        await pilot.press("U")
        await until(pilot, lambda: any("nothing to undo" in n.message for n in app._notifications))

    drive(script, tmp_path / "runs", tmp_path)


async def form(pilot: Pilot[None], app: Workbench) -> None:
    await pilot.press("n")
    await until(pilot, lambda: isinstance(app.screen, Launch) and app.screen.query("#plan"))
    await pilot.pause()


def field(app: Workbench, key: str) -> Field:
    return next(one for one in app.screen.query(Field) if one.key == key)


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small catalogue, whose form is small, too."""
    monkeypatch.setattr(catalog, "built_in_methods", lambda: {"alpha": ALPHA, "beta": BETA})
    monkeypatch.setattr(catalog, "built_in_datasets", lambda: {"small": SMALL})


async def alpha_on_small(pilot: Pilot[None], app: Workbench) -> None:
    await form(pilot, app)
    app.screen.query_one("#method", PickList).action_select()
    app.screen.query_one("#dataset", PickList).action_select()
    await until(pilot, lambda: app.screen.query("#params-alpha Field"))
    await pilot.pause()


@pytest.mark.usefixtures("cards")
def test_the_form_is_saved_under_a_name_and_filled_from_it(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await alpha_on_small(pilot, app)
        field(app, "seed").query_one(Input).value = "0-2"
        field(app, "alpha.rate").query_one(Input).value = "0.25"
        await pilot.pause()
        await pilot.press("ctrl+s")
        await pilot.pause()
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: saved_presets.names() == ["mine"])
        saved = tomllib.loads(saved_presets.path_of("mine").read_text())
        assert (saved["seed"], saved["set"]) == ([0, 1, 2], {"rate": 0.25})
        await pilot.press("ctrl+d")
        await until(pilot, lambda: field(app, "seed").value == "0")
        before = app.screen
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "mine" in text_of(app))
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, Launch) and app.screen is not before)
        await until(pilot, lambda: app.screen.query("#params Field"))
        await until(pilot, lambda: field(app, "seed").value == "0-2")
        assert field(app, "alpha.rate").value == "0.25"
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "mine" in text_of(app))
        await pilot.press("end", "D")
        await pilot.pause()
        await pilot.press("y")
        await until(pilot, lambda: saved_presets.names() == [])
        await pilot.pause()
        await pilot.press("home", "enter")  # the paper's
        await until(pilot, lambda: field(app, "preset").value == "paper")

    drive(script, tmp_path / "runs", tmp_path, (160, 48))


COST = RunEstimate(
    feature_seconds=2, training_seconds=60, scoring_seconds=3, cache_key="k", cache_bytes=10**6,
    run_bytes=10**6, memory_bytes=10**9, notes=("as measured here",),
)  # fmt: skip


@pytest.mark.usefixtures("cards")
def test_an_estimate_measures_each_kind_once_and_ends_with_the_dialog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[RunSpec] = []
    ended: list[bool] = []
    gate: list[asyncio.Event] = []

    async def ask(spec: RunSpec, data_dir: Path) -> RunEstimate:
        measured.append(spec)
        gate.append(asyncio.Event())
        try:
            await gate[-1].wait()
        except asyncio.CancelledError:
            ended.append(True)
            raise
        return COST

    monkeypatch.setattr(estimate_screen, "ask_estimate", ask)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await alpha_on_small(pilot, app)
        field(app, "seed").query_one(Input).value = "0-3"
        await pilot.pause()
        await pilot.press("ctrl+e")
        await until(pilot, lambda: isinstance(app.screen, Estimate))
        await until(pilot, lambda: gate)
        await until(pilot, lambda: "s left" in text_of(app))
        gate[0].set()
        await until(pilot, lambda: "in all about" in text_of(app))
        assert "as measured here" in text_of(app)
        assert len(measured) == 1  # four seeds
        await pilot.press("escape")
        await pilot.pause()
        field(app, "epochs").query_one(Input).value = "1,2"
        await pilot.pause()
        await pilot.press("ctrl+e")
        await until(pilot, lambda: len(gate) == 2)
        await until(pilot, lambda: "kind 1 of 2" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: ended == [True])
        assert isinstance(app.screen, Launch)

    drive(script, tmp_path / "runs", tmp_path, (120, 36))
