"""Workers that wait: they cost little, obey control requests, and train in their turn."""

from __future__ import annotations

import datetime
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashbench.engine.slot_acquisition import slot_for
from hashbench.errors import BusyError
from hashbench.launch import actions, spawn
from hashbench.plan.request import Request, expand
from hashbench.runs import events, layout, queue, slots
from hashbench.runs import status as statuses
from hashbench.runs.layout import RunFolder
from hashbench.runs.slots import Slot
from hashbench.runs.state import Status
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    specs = expand(Request(method=["lsh"], dataset=["picturebook-tiny"], bits=[8], seed=[0, 1, 2]))
    now = datetime.datetime.now(datetime.UTC)
    return [layout.create(tmp_path / "runs", spec, now) for spec in specs]


@pytest.fixture
def taken(runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch) -> Slot:
    """The only slot of the runs folder, held by this process."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv(slots.VARIABLE, "cpu=1")
    slot = queue.of(runs[0].path.parent).take_now("me", "auto")
    assert slot is not None
    return slot


@pytest.fixture
def waiters(
    runs: list[RunFolder], taken: Slot, data_dir: Path
) -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = [spawn.enqueue(run, data_dir) for run in runs]
    for run in runs:
        until(lambda run=run: status(run) is Status.QUEUED and bool(read_all(run.events)))
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def status(run: RunFolder) -> Status:
    return statuses.status(run).state


def until(reached: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def standing(runs: list[RunFolder]) -> list[str]:
    return list(queue.positions(runs[0].path.parent))


def test_waiting_is_cheap_and_wishes_are_heeded(
    runs: list[RunFolder], waiters: list[subprocess.Popen[bytes]], taken: Slot, data_dir: Path
) -> None:
    assert standing(runs) == [run.id for run in runs]
    for process in waiters:
        maps = Path(f"/proc/{process.pid}/maps")
        if maps.is_file():
            assert "torch" not in maps.read_text()
    with pytest.raises(BusyError):
        spawn.enqueue(runs[0], data_dir)
    with pytest.raises(BusyError):
        actions.delete(runs[0])
    # stop, SIGTERM and SIGKILL: two leave with a word, one without
    actions.stop(runs[0])
    assert waiters[0].wait(10) == 0
    assert status(runs[0]) is Status.STOPPED
    waiters[1].send_signal(signal.SIGTERM)
    assert waiters[1].wait(10) == 0
    assert status(runs[1]) is Status.STOPPED
    actions.kill(runs[2])
    assert waiters[2].wait(10) == -signal.SIGKILL
    assert status(runs[2]) is Status.LOST
    assert standing(runs) == []
    assert all(actions.interrupted(run) for run in runs)


def test_a_paused_one_lets_another_pass_and_both_finish(
    runs: list[RunFolder], waiters: list[subprocess.Popen[bytes]], taken: Slot
) -> None:
    last = waiters.pop()
    last.kill()
    last.wait()
    runs.pop()
    actions.pause(runs[0])
    until(lambda: status(runs[0]) is Status.PAUSED)
    taken.close()
    assert waiters[1].wait(120) == 0
    assert waiters[0].poll() is None
    actions.resume(runs[0], Path())
    assert waiters[0].wait(120) == 0
    assert [status(run) for run in runs] == [Status.FINISHED] * 2
    begun = {run.id: slot_times(run)[0] for run in runs}
    assert sorted(begun, key=lambda run: begun[run]) == [runs[1].id, runs[0].id]
    assert slot_times(runs[1])[1] <= slot_times(runs[0])[0]


def slot_times(run: RunFolder) -> tuple[float, float]:
    """When a run took its slot, and when it ended."""
    logged = read_all(run.events)
    took = next(e.t for e in logged if isinstance(e, events.Fact) and e.name == "slot")
    return took, logged[-1].t


def test_a_run_that_does_not_wait_takes_what_is_free_or_shares_the_device(
    runs: list[RunFolder], taken: Slot
) -> None:
    with EventWriter(runs[0].events) as writer:
        assert slot_for(runs[0], None, writer) is None
        taken.close()
        slot = slot_for(runs[0], None, writer)
        assert slot is not None
        slot.close()
    logged = [e for e in read_all(runs[0].events) if not isinstance(e, events.Beat)]
    assert isinstance(logged[0], events.Note)
    assert "shares the device" in logged[0].text
    facts = [(e.name, e.value) for e in logged if isinstance(e, events.Fact)]
    assert facts == [("slot", "none"), ("slot", "cpu.0")]


def test_a_removed_queue_folder_is_made_again(
    runs: list[RunFolder], waiters: list[subprocess.Popen[bytes]], taken: Slot
) -> None:
    for process in waiters[1:]:
        process.kill()
        process.wait()
    shutil.rmtree(runs[0].path.parent / queue.FOLDER)
    assert waiters[0].wait(120) == 0  # the slot's lock went with the folder
    assert status(runs[0]) is Status.FINISHED


def test_a_gpu_that_is_missing_is_reported_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (spec,) = expand(Request(method=["lsh"], dataset=["picturebook-tiny"], device="cuda:3"))
    run = layout.create(tmp_path, spec, datetime.datetime.now(datetime.UTC))
    assert spawn.enqueue(run, tmp_path).wait(60) == 2
    failed = read_all(run.events)[-1]
    assert isinstance(failed, events.Failed)
    assert "cuda:3" in failed.reason
