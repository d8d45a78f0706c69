"""Whether a worker on another host lives: by its lease, else by the disk's own time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hashbench.files import batons, disk_clock, leases, locks, process_marks, renewing
from hashbench.runs import events, processes
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import HEARTBEAT_SECONDS, status
from hashbench.runs.writer import EventWriter


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run whose worker, on another host, has written that it started."""
    folder = RunFolder(tmp_path / "20260101-000000-lsh")
    folder.path.mkdir()
    with EventWriter(folder.events) as writer:
        writer.write(events.Started(**(processes.this() | {"host": "elsewhere"})))
    return folder


@pytest.fixture(params=[-5.0, 0.0, 5.0], ids=["behind", "equal", "ahead"])
def hours(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """The clock of this host, that of the disk being right."""
    true = time.time
    hours = float(request.param)
    monkeypatch.setattr(time, "time", lambda: true() + hours * 3600)
    monkeypatch.setattr(disk_clock, "_kept", {})
    return hours


@pytest.mark.usefixtures("hours")
def test_a_worker_lives_by_what_it_writes_whatever_the_clocks_say(run: RunFolder) -> None:
    assert status(run).state is Status.RUNNING
    old = run.events.stat().st_mtime - HEARTBEAT_SECONDS - 5
    os.utime(run.events, (old, old))
    lost = status(run)
    assert lost.state is Status.LOST
    assert "elsewhere" in lost.reason


@pytest.mark.usefixtures("hours")
def test_a_lease_decides_where_there_is_one(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locks.VARIABLE, "lease")
    monkeypatch.setattr(process_marks, "pid_space", lambda: "another")
    old = run.events.stat().st_mtime - 3600
    lock = locks.take(run.lock)
    assert isinstance(lock, leases.Lease)
    os.utime(run.events, (old, old))  # a long step, a slow disk
    assert status(run).state is Status.RUNNING
    renewing.end(lock)
    claim = batons.look(run.lock)
    assert claim is not None
    beat = Path(batons.folder_of(run.lock)) / f"{claim.token}.beat"
    os.utime(beat, (old, old))
    assert status(run).state is Status.LOST
    lock.close()


def test_two_looks_tell_a_dead_lease_on_a_disk_without_a_time(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locks.VARIABLE, "lease")
    monkeypatch.setattr(process_marks, "pid_space", lambda: "another")
    monkeypatch.setattr(batons, "LEASE_SECONDS", 0.4)
    monkeypatch.setattr(disk_clock, "now", lambda folder: 0.0)
    lock = locks.take(run.lock)
    assert isinstance(lock, leases.Lease)
    renewing.end(lock)
    assert status(run).state is Status.RUNNING
    time.sleep(0.5)
    assert status(run).state is Status.LOST
    lock.close()
