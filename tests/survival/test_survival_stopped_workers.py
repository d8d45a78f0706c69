"""Workers that are not dead: stopped by a signal, held by a debugger, under a clock that jumps.
None is lost, none gets a second writer beside it, and each ends as if nothing had happened.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from hashbench.errors import BusyError
from hashbench.launch import actions, spawn
from hashbench.runs import events, layout, processes
from hashbench.runs import state as states
from hashbench.runs import status as statuses
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.state_reader import read_state
from hashbench.runs.status import status
from hashbench.runs.tailer import Tailer
from tests.survival.tiny_runs import BITS, now, spec_of
from tests.survival.worker_forks import PATIENCE, Forks

pytestmark = pytest.mark.slow  # half a minute of real workers, one after another

PTRACE_ATTACH, PTRACE_DETACH = 16, 17


def until(happened: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.01)


def process_state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return layout.create(tmp_path / "runs", spec_of("soda"), now())


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    path = tmp_path / "gate"
    path.touch()
    return path


@pytest.fixture
def pid(run: RunFolder, gate: Path, forks: Forks, data_dir: Path) -> Iterator[int]:
    """A worker that waits in the midst of its training."""
    pid = forks.worker(run.path, data_dir, gate=str(gate))
    until(gate.with_name("gate.reached").exists)
    yield pid
    gate.unlink(missing_ok=True)
    if forks.wait(pid, 0.0) is None:
        os.kill(pid, signal.SIGKILL)
        forks.wait(pid)


def ended_well(run: RunFolder, undisturbed: bytes) -> None:
    """Nothing shows in what the run has left: its events, its codes, its log."""
    tailer = Tailer(run.events)
    logged = []
    while fresh := tailer.poll():
        logged += fresh
    assert [event.seq for event in logged] == list(range(len(logged)))
    assert tailer.skipped == 0
    assert sum(isinstance(event, events.Started) for event in logged) == 1
    assert status(run).state is Status.FINISHED
    assert (run.codes / f"{BITS}.npz").read_bytes() == undisturbed
    assert run.log.read_text() == ""


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    until(lambda: process_state(pid) == "T")
    yield
    os.kill(pid, signal.SIGCONT)


@contextmanager
def held_by_a_debugger(pid: int) -> Iterator[None]:
    libc = ctypes.CDLL(None, use_errno=True)
    threads = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()]
    for thread in threads:
        if libc.ptrace(PTRACE_ATTACH, thread, None, None):
            pytest.skip(f"this user may not trace: {os.strerror(ctypes.get_errno())}")
        os.waitpid(thread, 0x40000000)  # __WALL: threads of another process's child
    assert process_state(pid) == "t"
    yield
    for thread in threads:
        assert libc.ptrace(PTRACE_DETACH, thread, None, None) == 0


@pytest.mark.parametrize("held", [stopped, held_by_a_debugger])
def test_a_worker_that_stands_still_is_not_lost(
    run: RunFolder,
    pid: int,
    gate: Path,
    forks: Forks,
    data_dir: Path,
    undisturbed: bytes,
    held: Callable[[int], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statuses, "HEARTBEAT_SECONDS", 0.3)
    before = status(run)
    assert before.state is Status.RUNNING
    with held(pid):
        time.sleep(0.5)  # longer than the heartbeat's limit
        now_ = status(run)
        assert (now_.state, now_.worker_lives) == (Status.RUNNING, True)
        assert now_.seconds_left == before.seconds_left  # it stands still, too
        assert now_.done == before.done
        size = run.events.stat().st_size
        for start in (spawn.start, spawn.enqueue):
            with pytest.raises(BusyError, match="a worker has it already"):
                start(run, data_dir)
        monkeypatch.setattr(spawn, "check_startable", lambda _: None)
        second = forks.worker(run.path, data_dir)  # as if nobody had looked
        assert forks.wait(second) == BusyError.exit_code
        assert run.events.stat().st_size == size
        assert "another worker holds this run" in run.log.read_text()
        run.log.write_text("")
        with monkeypatch.context() as elsewhere:  # who sees nothing but the heartbeat
            elsewhere.setattr(processes, "hostname", lambda: "another-host")
            assert status(run).state is Status.LOST
            assert "no sign of life from its worker" in status(run).reason
            with pytest.raises(BusyError):
                actions.check_deletable(run)
    gate.unlink()
    assert forks.wait(pid) == 0
    ended_well(run, undisturbed)


def test_time_in_which_a_worker_stood_still_is_no_work(
    run: RunFolder, pid: int, gate: Path, forks: Forks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `GAP_SECONDS` are several beats, a stop that is longer leaves the pace as it was."""
    monkeypatch.setattr(states, "GAP_SECONDS", 0.8)
    with stopped(pid):
        time.sleep(1.5)
    gate.unlink()
    assert forks.wait(pid) == 0
    lasted = read_state(run.events)
    started = lasted.started
    assert started is not None
    assert lasted.elapsed < lasted.last_event - started.t - 1.4


def test_a_request_reaches_a_worker_that_was_stopped(
    run: RunFolder, pid: int, gate: Path, forks: Forks, data_dir: Path, undisturbed: bytes
) -> None:
    with stopped(pid):
        actions.stop(run)
        assert status(run).state is Status.RUNNING
    gate.unlink()
    assert forks.wait(pid) == 0
    assert status(run).state is Status.STOPPED
    assert forks.wait(forks.worker(run.path, data_dir)) == 0
    assert (run.codes / f"{BITS}.npz").read_bytes() == undisturbed


HOURS = 3600.0


@pytest.mark.parametrize(
    "jumps",
    [
        (0.0,) * 9 + (7 * HOURS,),  # a laptop that slept through a night
        (0.0,) * 9 + (-2 * HOURS,),  # a clock that was set back
        (0.0, 5 * HOURS, -5 * HOURS) * 12,  # one that cannot decide
    ],
)
def test_a_clock_that_jumps_changes_nothing(
    run: RunFolder,
    forks: Forks,
    data_dir: Path,
    undisturbed: bytes,
    jumps: tuple[float, ...],
) -> None:
    pid = forks.worker(run.path, data_dir, clock=jumps, pause_seconds=0.01)
    while forks.wait(pid, 0.05) is None:
        seen = status(run)
        assert seen.state in (Status.QUEUED, Status.RUNNING, Status.FINISHED), seen
        assert seen.seconds_left is None or 0 <= seen.seconds_left < HOURS / 2
    assert read_state(run.events).elapsed < HOURS / 2
    ended_well(run, undisturbed)
