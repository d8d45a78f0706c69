"""Studies in the workbench: chosen, planned, queued, and answered as their runs finish."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from hashbench.errors import InputError
from hashbench.plan.spec import RunSpec
from hashbench.runs import events
from hashbench.studies import catalog
from hashbench.studies.runs import plan
from hashbench.studies.study import read
from hashbench.tui import subprocesses
from hashbench.tui.app import Workbench
from hashbench.tui.screens import study as study_screen
from hashbench.tui.screens.detail import Detail
from hashbench.tui.screens.studies import Studies
from hashbench.tui.screens.study import StudyScreen
from hashbench.tui.study_plan import MISSING, OWN, StudyRun, check_seeds, words_of
from hashbench.tui.widgets.field import Field
from hashbench.tui.widgets.row_table import RowTable
from tests.report.scored_runs import scored
from tests.tui.driving import drive, text_of, until
from tests.tui.fixtures import started, write_events

STUDY = """
question = "Do longer codes rank better?"
source = "a test"

[base]
method = "lsh"
dataset = "picturebook-tiny"
seed = [0, 1, 2]

[[grid]]
bits = [16, 32]

[quick]
seed = [0, 1, 2]

[[compare]]
claim = "32 bits rank better than 16"
rows = { bits = [32] }
against = { bits = [16] }

[[figure]]
kind = "map-over-bits"
"""
SECONDS = 120.0  # other programs may have the processors


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunSpec, ...]:
    """A study of one's own, which is the only one that is known; its runs."""
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "lengths.toml").write_text(STUDY)
    monkeypatch.setenv(catalog.VARIABLE, str(folder))
    return plan(read(folder / "lengths.toml"), {}, None, quick=True).to_run


def scored_all(runs_dir: Path, specs: tuple[RunSpec, ...]) -> None:
    """Runs with codes that are better the longer they are."""
    for number, spec in enumerate(specs):
        run = scored(runs_dir, spec, noise=0.3 if spec.bits == (16,) else 0.1, second=number)
        write_events(run, [started(alive=False), events.Finished(seconds=1.0)])


async def opened(pilot: Pilot[None], app: Workbench) -> StudyScreen:
    """The screen of the study, with its plan."""
    await pilot.press("S")
    await until(pilot, lambda: isinstance(app.screen, Studies))
    table = app.screen.query_one("#studies", RowTable)
    await until(pilot, lambda: table._keys, SECONDS)
    table.move_to("lengths")
    await pilot.pause()
    assert "Do longer codes rank better?" in text_of(app)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, StudyScreen))
    screen = app.screen
    assert isinstance(screen, StudyScreen)
    await until(pilot, lambda: screen._plan is not None, SECONDS)
    await pilot.pause()
    return screen


def test_options_are_those_of_the_command_line() -> None:
    assert words_of({}) == []
    assert words_of({"quick": "yes", "dataset": OWN, "seeds": " "}) == ["--quick"]
    assert words_of({"quick": "no", "dataset": "coco", "seeds": "0-2"}) == [
        "--dataset", "coco", "--seeds", "0-2",
    ]  # fmt: skip
    check_seeds("")
    check_seeds("0-4")
    with pytest.raises(InputError, match="no whole number|not a whole number"):
        check_seeds("many")
    assert not StudyRun("soda", "", MISSING).finished


def test_a_study_is_queued_and_answered_as_its_runs_finish(
    specs: tuple[RunSpec, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    asked: list[tuple[str, ...]] = []

    async def command(*words: str, width: int = 80) -> str:
        """Workers that are done at once; everything else is the command itself."""
        asked.append(words)
        if words[:2] == ("study", "run"):
            scored_all(runs, specs)
            return "[]"
        return await subprocesses.run_command(*words, width=width)

    monkeypatch.setattr(study_screen, "run_command", command)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        screen = await opened(pilot, app)
        shown = text_of(app)
        for part in ("claim 1: 32 bits rank better than 16", "6 runs: 6 missing", "not known"):
            assert part in shown
        await pilot.press("3")
        await pilot.pause()
        assert "ctrl+r queues" in text_of(app)
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert "Queue 6 runs?" in text_of(app)
        await pilot.press("y")
        await until(pilot, lambda: "6 finished" in text_of(app), SECONDS)
        (queued,) = (words for words in asked if words[1] == "run")
        assert queued[:5] == ("study", "run", "lengths", "--quick", "--queue")
        answer = screen.query_one("#answer", Static)
        await until(pilot, lambda: "longer" in str(answer.visual), SECONDS)
        words = str(answer.visual)
        assert "32 bits rank better than 16: " in words
        assert "shown" in words
        assert "┤" in words  # the figure
        await pilot.press("2")
        await pilot.pause()
        assert text_of(app).count("✓ finished") == 6
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, StudyScreen)  # nothing is left to queue
        file = tmp_path / "answer.md"
        await pilot.press("ctrl+o")
        await pilot.pause()
        app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await until(pilot, file.exists, SECONDS)
        assert "**32 bits rank better than 16: " in file.read_text()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Detail))

    drive(script, runs, tmp_path / "data", (120, 36))


def test_options_make_another_plan_and_are_kept(specs: tuple[RunSpec, ...], tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    scored_all(runs, specs[:1])

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        screen = StudyScreen("lengths", app.settings)
        app.push_screen(screen)
        await until(pilot, lambda: screen._plan is not None, SECONDS)
        await pilot.pause()
        assert "6 runs: 1 finished, 5 missing" in text_of(app)
        fields = {field.key: field for field in screen.query(Field)}
        line = fields["seeds"].query_one(Input)
        line.focus()
        await pilot.press(*"many")
        await pilot.pause()
        assert "not a whole number" in text_of(app)
        line.value = "0"
        await until(pilot, lambda: "2 runs: 1 finished, 1 missing" in text_of(app), SECONDS)
        assert app.settings.studies["lengths"]["seeds"] == "0"
        await pilot.press("ctrl+y")
        await pilot.pause()
        assert app.clipboard == "hashbench study run lengths --quick --seeds 0"
        assert json.loads(app.settings_path.read_text())["studies"]["lengths"]["seeds"] == "0"

    drive(script, runs, tmp_path / "data", (80, 24))


def test_no_studies_and_what_cannot_run_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def command(*words: str, width: int = 80) -> str:
        if words[1] == "list":
            return "[]"
        raise InputError("the dataset is not there", remedy="put it there")

    monkeypatch.setattr("hashbench.tui.screens.studies.run_command", command)
    monkeypatch.setattr(study_screen, "run_command", command)

    async def script(pilot: Pilot[None], app: Workbench) -> None:
        await pilot.press("S")
        await until(pilot, lambda: "no studies: hashbench guide studies" in text_of(app))
        app.push_screen(StudyScreen("lengths", app.settings))
        await until(pilot, lambda: "the dataset is not there" in text_of(app))
        assert "put it there" in text_of(app)
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, StudyScreen)

    drive(script, tmp_path, tmp_path / "data")
