"""Run folders: made whole, found by name, and what state their events tell."""

from __future__ import annotations

import datetime
import os
import socket
from pathlib import Path

import psutil
import pytest

from hashbench.errors import InputError, UnknownNameError
from hashbench.plan.request import Request, expand
from hashbench.runs import control, events, layout, processes, state
from hashbench.runs.state import Status
from hashbench.runs.status import status_of

NOW = datetime.datetime(2026, 5, 4, 12, 30, tzinfo=datetime.UTC)


@pytest.fixture
def run(tmp_path: Path) -> layout.RunFolder:
    (spec,) = expand(Request())
    return layout.create(tmp_path, spec, NOW)


def started(**changes: object) -> events.Started:
    me = psutil.Process()
    fields = {"pid": me.pid, "since": me.create_time(), "host": socket.gethostname()}
    return events.Started(**(fields | changes), t=NOW.timestamp())  # type: ignore[arg-type]


def test_equal_runs_in_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    (spec,) = expand(Request())
    folders = [layout.create(tmp_path, spec, NOW) for _ in range(3)]
    assert len({folder.id for folder in folders}) == 3
    assert layout.find(tmp_path) == sorted(folders, key=lambda folder: folder.id)


def test_foreign_things_in_the_runs_folder_are_no_runs(tmp_path: Path, run) -> None:
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    assert layout.find(tmp_path) == [run]
    assert layout.find(tmp_path / "nowhere") == []


def test_runs_are_picked_by_id_beginning_end_path_and_last(tmp_path: Path, run) -> None:
    for name in (run.id, run.id[:12], run.id[-4:], "last", str(run.path)):
        assert layout.pick(tmp_path, name).path == run.path
    with pytest.raises(UnknownNameError, match="run"):
        layout.pick(tmp_path, "nothing-like-it")
    (spec,) = expand(Request())
    layout.create(tmp_path, spec, NOW)
    with pytest.raises(InputError, match="2 runs"):
        layout.pick(tmp_path, run.id[:12])


def test_a_runs_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (spec,) = expand(Request())
    with pytest.raises(InputError, match="runs-dir"):
        layout.create(tmp_path / "file" / "runs", spec, NOW)


def test_wishes_are_heard_once(run) -> None:
    assert control.read(run) is None
    control.send(run, "stop")
    control.send(run, "pause")
    assert control.read(run) == "pause"
    control.clear(run)
    assert control.read(run) is None
    run.control_request.write_bytes(b"rm -rf")
    assert control.read(run) is None


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        ([], Status.QUEUED),
        ([started()], Status.RUNNING),
        ([started(), events.Paused()], Status.PAUSED),
        ([started(), events.Paused(), events.Continued()], Status.RUNNING),
        ([started(), events.Stopped(reason="asked")], Status.STOPPED),
        ([started(), events.Failed(reason="nan")], Status.FAILED),
        ([started(), events.Failed(reason="nan"), started()], Status.RUNNING),
        ([started(since=1.0)], Status.LOST),  # the pid lives, but is another process by now
        ([started(pid=2**22 - 1)], Status.LOST),
        ([started(host="elsewhere")], Status.LOST),  # its last heartbeat is long ago
        ([started(), events.Finished(seconds=1.0)], Status.LOST),  # but there is no result
    ],
)
def test_status_follows_from_events_and_the_living(run, logged, expected: Status) -> None:
    assert status_of(run, state.fold(logged)).state is expected


def test_finished_needs_the_event_and_the_result(run) -> None:
    run.result.write_text("{}")
    assert status_of(run, state.fold([started()])).state is Status.RUNNING
    over = state.fold([started(), events.Finished(seconds=1.0)])
    assert status_of(run, over).state is Status.FINISHED


def test_a_worker_on_another_host_lives_by_its_heartbeat(run) -> None:
    folded = state.fold([started(host="elsewhere", pid=os.getpid())])
    assert status_of(run, folded, now=NOW.timestamp() + 5).state is Status.RUNNING
    assert status_of(run, folded, now=NOW.timestamp() + 500).state is Status.LOST


def test_progress_is_counted_in_steps_over_all_stages() -> None:
    plans = (
        events.StagePlan("a", "A", epochs=2, steps=10),
        events.StagePlan("b", "B", epochs=1, steps=10),
    )
    folded = state.fold([started(), events.Planned(stages=plans), events.StageBegan(stage="b")])
    folded.add(events.Loss(stage="b", epoch=0, step=5, values={}))
    assert (folded.steps_done, folded.steps_total) == (25, 30)


def test_who_waits_is_queued_until_it_has_a_slot(run: layout.RunFolder) -> None:
    me = processes.this()
    waits = events.Queued(**me, device="auto")
    slot = events.Fact(name="slot", value="cpu.0")
    assert status_of(run, state.fold([waits])).state is Status.QUEUED
    assert status_of(run, state.fold([waits, slot])).state is Status.RUNNING
    stopped = [waits, slot, events.Stopped(reason="x")]
    assert status_of(run, state.fold(stopped)).state is Status.STOPPED
    again = [waits, slot, events.Stopped(reason="x"), waits]
    assert status_of(run, state.fold(again)).state is Status.QUEUED
    gone = events.Queued(**(me | {"pid": 2**22 - 1}), device="auto")
    assert status_of(run, state.fold([gone])).state is Status.LOST
