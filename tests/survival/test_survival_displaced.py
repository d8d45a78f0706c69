"""A run whose folder is not where its worker left it, and one that was copied: without a worker
that trains, whose share is in `test_survival_moved_folders`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hashbench.datasets.masks import VisibleLabels
from hashbench.errors import InputError, StorageError
from hashbench.launch import actions
from hashbench.runs import control, events, layout, on_finish, processes, queue, tags
from hashbench.runs.layout import RunFolder
from hashbench.runs.on_finish import OnFinish
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter
from tests.survival.tiny_runs import now, spec_of


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return layout.create(tmp_path / "runs", spec_of("lsh"), now())


def started() -> events.Started:
    return events.Started(**processes.this())


def by_a_file(run: RunFolder) -> None:
    shutil.rmtree(run.path)
    run.path.touch()


def replaced(run: RunFolder) -> Path:
    moved = run.path.rename(run.path.with_name("moved"))
    run.path.mkdir()
    run.events.touch()
    return moved


@pytest.mark.parametrize(
    "displace",
    [
        lambda run: run.path.rename(run.path.with_name("moved")),
        lambda run: shutil.rmtree(run.path),
        by_a_file,
        replaced,
    ],
)
def test_a_displaced_run_takes_its_end_and_nothing_else(
    run: RunFolder, displace: Callable[[RunFolder], object]
) -> None:
    with EventWriter(run.events) as writer:
        writer.write(started())
        assert writer.displaced() is None
        displace(run)
        with pytest.raises(StorageError, match="moved, replaced or deleted"):
            writer.write(events.Note(level="info", text="lost"))
        writer.write(events.Failed(reason="its end"))
    moved = RunFolder(run.path.with_name("moved"))
    if moved.path.is_dir():
        kinds = [type(event) for event in read_all(moved.events)]
        assert kinds == [events.Started, events.Failed]
    if run.path.is_dir():
        assert run.events.read_bytes() == b""


def test_a_disk_that_is_away_is_not_a_moved_folder(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OSError(116, "Stale file handle")

    with EventWriter(run.events) as writer:
        monkeypatch.setattr(Path, "stat", away)
        assert writer.displaced() is None
        monkeypatch.undo()


@pytest.mark.parametrize(
    "write",
    [
        lambda run: control.send(run, "stop"),
        lambda run: on_finish.write(run, OnFinish()),
        lambda run: tags.write(run, "name", []),
        lambda run: EventWriter(run.events),
        lambda run: VisibleLabels.save(_labels(), run.labels),
    ],
)
def test_nothing_that_is_written_brings_a_folder_back(
    run: RunFolder, write: Callable[[RunFolder], object]
) -> None:
    shutil.rmtree(run.path)
    with pytest.raises((FileNotFoundError, InputError)):
        write(run)
    assert list(run.path.parent.iterdir()) == []


def _labels() -> VisibleLabels:
    import numpy as np

    return VisibleLabels(np.ones((2, 2), bool), np.ones((2, 2), bool), "of something")


def test_a_copy_claims_no_worker(run: RunFolder) -> None:
    with EventWriter(run.events) as writer:
        writer.write(started())
        copy = RunFolder(Path(shutil.copytree(run.path, run.path.with_name("copy"))))
        assert status(run).state is Status.RUNNING
        seen = status(copy)
        assert (seen.state, seen.worker_lives) == (Status.LOST, False)
        assert "was copied from a run that had not ended" in seen.reason
        with pytest.raises(InputError, match="no worker to kill"):
            actions.kill(copy)
        renamed = RunFolder(run.path.rename(run.path.with_name("renamed")))
        assert status(renamed).state is Status.RUNNING  # until its worker has seen it


def test_a_stopped_process_is_a_living_worker(run: RunFolder) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as worker:
        since = psutil.Process(worker.pid).create_time()
        mark = processes.mark(worker.pid)
        with EventWriter(run.events) as writer:
            writer.write(
                events.Started(pid=worker.pid, since=since, host=processes.hostname(), mark=mark)
            )
            os.kill(worker.pid, signal.SIGSTOP)
            while psutil.Process(worker.pid).status() != psutil.STATUS_STOPPED:
                time.sleep(0.01)
            assert status(run).state is Status.RUNNING
            worker.kill()
            worker.wait()
            assert status(run).state is Status.LOST
    assert queue.of(run.path.parent).waiting() == []
