"""A run's folder that is moved, deleted, copied or made read-only under its worker."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashbench.errors import InputError, StorageError
from hashbench.launch import actions
from hashbench.runs import events, layout, queue, slots
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.tailer import read_all
from tests.survival.test_survival_stopped_workers import until
from tests.survival.tiny_runs import BITS, now, spec_of
from tests.survival.worker_forks import Forks

pytestmark = pytest.mark.slow  # half a minute of real workers, one after another


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return layout.create(tmp_path / "runs", spec_of("soda"), now())


@pytest.fixture
def start(
    run: RunFolder, tmp_path: Path, forks: Forks, data_dir: Path
) -> Iterator[Callable[..., tuple[int, Path]]]:
    """Starts a worker and waits until it is in the midst of its training; its pid and its gate."""
    started: list[int] = []

    def begin(**tricks: object) -> tuple[int, Path]:
        gate = tmp_path / f"gate{len(started)}"
        gate.touch()
        started.append(forks.worker(run.path, data_dir, gate=str(gate), **tricks))
        until(gate.with_name(f"{gate.name}.reached").exists)
        return started[-1], gate

    yield begin
    for pid in started:
        if forks.wait(pid, 0.0) is None:
            os.kill(pid, signal.SIGKILL)
            forks.wait(pid)


def one_message(log: str, *parts: str) -> None:
    """The log is one message with its remedy, no trace."""
    assert "Traceback" not in log
    assert len(log.strip().splitlines()) == 2, log
    assert all(part in log for part in parts), log


def codes(run: RunFolder) -> bytes:
    return (run.codes / f"{BITS}.npz").read_bytes()


@pytest.mark.parametrize("where", ["renamed", "elsewhere/moved"])
def test_a_moved_run_ends_and_goes_on_where_it_is(
    run: RunFolder,
    start: Callable[..., tuple[int, Path]],
    forks: Forks,
    data_dir: Path,
    undisturbed: bytes,
    where: str,
) -> None:
    pid, gate = start()
    target = run.path.parent / where
    target.parent.mkdir(exist_ok=True)
    moved = RunFolder(run.path.rename(target))
    assert status(moved).state is Status.RUNNING  # its worker has not noticed yet
    gate.unlink()
    assert forks.wait(pid) == StorageError.exit_code
    assert not run.path.exists()
    seen = status(moved)
    assert seen.state is Status.FAILED
    assert f"{run.path}: the folder of the run was moved" in seen.reason
    assert "hashbench resume" in seen.remedy
    one_message(moved.log.read_text(), "the folder of the run was moved", "remedy")
    assert forks.wait(forks.worker(moved.path, data_dir)) == 0
    assert codes(moved) == undisturbed
    assert not list(moved.path.rglob(".*"))


def test_a_deleted_run_does_not_come_back(
    run: RunFolder, start: Callable[..., tuple[int, Path]], forks: Forks
) -> None:
    pid, gate = start()
    shutil.rmtree(run.path)
    gate.unlink()
    assert forks.wait(pid) == StorageError.exit_code
    left = {path.name for path in run.path.parent.iterdir()}
    assert left == {queue.FOLDER}


@pytest.mark.parametrize("signalled", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_does_not_bring_a_deleted_run_back(
    run: RunFolder,
    start: Callable[..., tuple[int, Path]],
    forks: Forks,
    signalled: signal.Signals,
) -> None:
    pid, _ = start()
    shutil.rmtree(run.path)
    os.kill(pid, signalled)
    assert forks.wait(pid) == StorageError.exit_code
    assert not run.path.exists()


def test_another_run_in_its_place_is_left_alone(
    run: RunFolder, start: Callable[..., tuple[int, Path]], forks: Forks, tmp_path: Path
) -> None:
    pid, gate = start()
    run.path.rename(tmp_path / "old")
    run.path.mkdir()
    (run.path / "spec.toml").write_text("another")
    gate.unlink()
    assert forks.wait(pid) == StorageError.exit_code
    assert [path.name for path in run.path.iterdir()] == ["spec.toml"]


def test_a_paused_run_that_is_deleted_frees_its_slot(
    run: RunFolder, start: Callable[..., tuple[int, Path]], forks: Forks, data_dir: Path
) -> None:
    pid, gate = start()
    actions.pause(run)
    gate.unlink()
    until(lambda: status(run).state is Status.PAUSED)
    shutil.rmtree(run.path)
    assert forks.wait(pid) == StorageError.exit_code
    assert not run.path.exists()


def test_a_waiting_run_that_is_deleted_leaves_the_queue(
    run: RunFolder, forks: Forks, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = queue.of(run.path.parent)
    monkeypatch.delenv(slots.VARIABLE, raising=False)
    line.set_limits(slots.Limits(cpu=0, gpu=0))
    pid = forks.worker(run.path, data_dir, queued=True)
    until(lambda: status(run).state is Status.QUEUED and status(run).worker_lives)
    shutil.rmtree(run.path)
    assert forks.wait(pid) == StorageError.exit_code
    assert line.waiting() == []
    assert not run.path.exists()


def test_a_copy_is_a_run_of_its_own(
    run: RunFolder,
    start: Callable[..., tuple[int, Path]],
    forks: Forks,
    data_dir: Path,
    undisturbed: bytes,
) -> None:
    pid, gate = start()
    copy = RunFolder(Path(shutil.copytree(run.path, run.path.with_name("copy"))))
    assert status(run).state is Status.RUNNING
    seen = status(copy)
    assert (seen.state, seen.worker_lives) == (Status.LOST, False)
    assert "copied" in seen.reason
    with pytest.raises(InputError, match="no worker to kill"):
        actions.kill(copy)
    with pytest.raises(InputError, match="no worker to stop"):
        actions.stop(copy)
    assert forks.wait(forks.worker(copy.path, data_dir)) == 0  # while the other one is at work
    assert status(run).state is Status.RUNNING
    gate.unlink()
    assert forks.wait(pid) == 0
    assert codes(run) == codes(copy) == undisturbed
    started = [event for event in read_all(run.events) if isinstance(event, events.Started)]
    assert len(started) == 1
    assert status(run).state is status(copy).state is Status.FINISHED


def test_a_folder_that_becomes_read_only(
    run: RunFolder,
    start: Callable[..., tuple[int, Path]],
    forks: Forks,
    data_dir: Path,
    undisturbed: bytes,
) -> None:
    pid, gate = start(bound=True)
    for folder in (run.checkpoint, run.path):
        folder.chmod(0o555)
    before = sorted(path.name for path in run.path.rglob("*"))
    gate.unlink()
    assert forks.wait(pid) == StorageError.exit_code
    seen = status(run)
    assert seen.state is Status.FAILED
    assert "the permission is missing" in seen.reason
    one_message(run.log.read_text(), "the permission is missing", "hashbench resume")
    assert sorted(path.name for path in run.path.rglob("*")) == before
    for folder in (run.checkpoint, run.path):
        folder.chmod(0o755)
    assert forks.wait(forks.worker(run.path, data_dir)) == 0
    assert codes(run) == undisturbed
