"""One narration of events: the terminal's watcher and the workbench's log say the same."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from hashbench.cli.watch import MILESTONES, PlainLines
from hashbench.report.narration import narrate
from hashbench.runs import events
from hashbench.runs.state import RunState, fold
from hashbench.runs.tailer import read_all
from hashbench.tui.run_tail import RunTail
from tests.tui import fixtures


def everything() -> list[events.AnyEvent]:
    """Events of every kind that says something."""
    return [
        fixtures.waiting(priority=3),
        fixtures.started(alive=True),
        *fixtures.training(20, recovery=True),
        events.Monitors(stage="student", epoch=10, values={"bit balance": 0.5}),
        events.Saved(stage="student", epoch=10, step=0),
        events.Note(level="info", text="a note"),
        events.Note(level="warning", text="a \x1b[31m colour"),
        events.Paused(),
        events.Continued(),
        events.Stopped(reason="asked to stop"),
        events.Failed(reason="nan", remedy="a smaller rate", detail="line one\nline two"),
        events.Finished(seconds=93.0),
        events.Notified(action="bell", problem="there is no terminal"),
    ]


def test_the_watcher_and_the_log_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run = fixtures.folder(tmp_path, fixtures.spec())
    fixtures.write_events(run, everything())
    watcher, state = PlainLines(), RunState()
    for event in read_all(run.events):
        state.add(event)
        if isinstance(event, MILESTONES):
            watcher.show(run, event, state)
    printed = capsys.readouterr().out.splitlines()
    tail = RunTail(run)
    tail.poll(1 << 20)
    logged = [line.text[len("12:00:00 ") :] for line in tail.log]
    assert len(printed) > 10
    assert set(printed) <= set(logged)
    assert [line for line in logged if line in printed] == printed
    assert "warning: a ?[31m colour" in printed


def test_all_that_a_person_waits_for_is_said() -> None:
    sequence = everything()
    state = fold(sequence)
    spoken = {type(event) for event in sequence if narrate(event, state)}
    silent = {events.Beat, events.Fact, events.Progress, events.Loss, events.MachineUse}
    assert spoken == set(get_args(events.AnyEvent)) - silent


def test_what_belongs_to_one_event_is_indented() -> None:
    failed = events.Failed(reason="nan", remedy="a smaller rate", detail="line one\nline two")
    lines = narrate(failed, RunState())
    assert [line.text for line in lines] == [
        "failed: nan", "  remedy: a smaller rate", "  line one", "  line two",
    ]  # fmt: skip
    assert {line.level for line in lines} == {"error"}


@pytest.mark.parametrize(
    ("epoch", "step", "said"),
    [
        (0, 0, "checkpoint saved"),
        (0, 7, "checkpoint saved in student epoch 1"),
        (9, 7, "checkpoint saved in student epoch 10"),
        (10, 0, "checkpoint saved after student epoch 10"),
    ],
)
def test_a_checkpoint_is_of_an_epoch_that_exists(epoch: int, step: int, said: str) -> None:
    saved = events.Saved(stage="student", epoch=epoch, step=step)
    assert [line.text for line in narrate(saved, RunState())] == [said]
