"""What people do to runs, on workers that are real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hashbench.errors import BusyError, InputError
from hashbench.files import locks
from hashbench.launch import actions, spawn
from hashbench.plan.spec import DatasetSpec, RunSpec, to_toml
from hashbench.runs import control, events, tags, trash
from hashbench.runs import status as statuses
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.writer import EventWriter


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    dataset = DatasetSpec("picturebook-tiny", 60, 200)
    spec = RunSpec(method="lsh", bits=(16,), dataset=dataset, params={"centre": True})
    folder = RunFolder(tmp_path / "20260101-000000-lsh")
    folder.path.mkdir()
    folder.spec.write_text(to_toml(spec))
    return folder


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child, which stands for a worker."""
    code = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('there', flush=True)\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    for one in psutil.Process().children(recursive=True):
        one.kill()
    process.wait()
    process.stdout.close()


def log_events(run: RunFolder, *logged: events.AnyEvent) -> None:
    with EventWriter(run.events) as writer:
        for event in logged:
            writer.write(event)


def worker_of(process: subprocess.Popen[bytes], host: str | None = None) -> events.Started:
    since = psutil.Process(process.pid).create_time()
    return events.Started(pid=process.pid, since=since, host=host or socket.gethostname())


def status(run: RunFolder) -> Status:
    return statuses.status(run).state


def test_control_requests_go_to_workers_that_live(
    run: RunFolder, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log_events(run, worker_of(sleeper))
    actions.pause(run)
    assert control.read(run) == "pause"
    actions.stop(run)
    assert control.read(run) == "stop"
    log_events(run, events.Paused())
    with pytest.raises(InputError, match="is paused already"):
        actions.pause(run)
    assert actions.resume(run, tmp_path) is None
    assert control.read(run) == "go"


def test_kill_ends_the_worker_with_its_children(
    run: RunFolder, sleeper: subprocess.Popen[bytes]
) -> None:
    log_events(run, worker_of(sleeper))
    children = psutil.Process(sleeper.pid).children()
    assert children
    assert status(run) is Status.RUNNING
    actions.kill(run)
    assert sleeper.wait(5) == -signal.SIGKILL
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
    assert status(run) is Status.LOST
    with pytest.raises(InputError, match="no worker to kill"):
        actions.kill(run)


def test_a_pid_that_another_process_took_over_is_not_killed(run: RunFolder) -> None:
    me = psutil.Process()
    log_events(
        run, events.Started(pid=me.pid, since=me.create_time() - 100, host=socket.gethostname())
    )
    with pytest.raises(InputError, match="is lost"):
        actions.kill(run)


def test_a_worker_on_another_host_is_not_killed_from_here(
    run: RunFolder, sleeper: subprocess.Popen[bytes]
) -> None:
    log_events(run, worker_of(sleeper, host="elsewhere"))
    with pytest.raises(InputError, match="runs on elsewhere"):
        actions.kill(run)
    assert sleeper.poll() is None


def test_a_run_that_has_just_ended_is_resumable_once_its_worker_lets_go(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[RunFolder] = []
    monkeypatch.setattr(spawn, "_spawn", lambda run, *_: started.append(run))
    log_events(run, events.Stopped(reason="asked"))
    for resumes in (lambda: actions.interrupted(run), lambda: actions.resume(run, tmp_path)):
        lock = locks.take(run.lock)
        assert lock is not None
        leaving = threading.Timer(0.3, lock.close)
        leaving.start()
        outcome = resumes()
        leaving.join()
        assert outcome is True or started == [run]


def test_a_run_that_a_new_worker_has_taken_is_not_resumed(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawn, "RELEASE_SECONDS", 0.2)
    log_events(run, events.Stopped(reason="asked"))
    with locks.held(run.lock):
        assert not actions.interrupted(run)
        with pytest.raises(BusyError, match="a worker has it"):
            actions.resume(run, tmp_path)


def test_delete_leaves_what_lives_and_what_is_no_run(
    run: RunFolder, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log_events(run, worker_of(sleeper))
    with pytest.raises(BusyError):
        actions.delete(run)
    assert run.spec.is_file()
    sleeper.kill()
    sleeper.wait()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("x")
    with pytest.raises(InputError, match="not a run folder"):
        actions.delete(RunFolder(elsewhere))
    link = RunFolder(tmp_path / "20260101-000001-link")
    link.path.symlink_to(run.path)
    with pytest.raises(InputError, match="not a run folder"):
        actions.delete(link)
    (run.path / "outside").symlink_to(elsewhere)
    deleted = actions.delete(run)
    assert not run.path.exists()
    trash.discard(tmp_path, [deleted])
    assert (elsewhere / "precious").is_file()  # links inside are not followed
    assert not (tmp_path / trash.FOLDER).exists()


def test_a_folder_that_cannot_be_removed_is_reported(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(InputError, match="cannot be removed"):
        actions.delete(run)


def test_retry_starts_what_failed_and_nothing_that_is_finished(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[str] = []
    monkeypatch.setattr(spawn, "start", lambda run, data_dir: started.append(run.id))
    log_events(run, events.Failed(reason="no memory"))
    actions.retry(run, tmp_path)
    actions.resume(run, tmp_path)
    assert started == [run.id, run.id]
    log_events(run, events.Finished(seconds=1.0))
    run.result.write_text("{}")
    with pytest.raises(InputError, match="is finished"):
        actions.retry(run, tmp_path)


def test_a_run_whose_method_had_other_parameters_is_refused_before_it_starts(
    run: RunFolder, tmp_path: Path
) -> None:
    spec = RunSpec(method="lsh", bits=(16,), dataset=DatasetSpec("picturebook-tiny", 60, 200))
    run.spec.write_text(to_toml(spec))  # without lsh's parameter `centre`
    log_events(run, events.Stopped(reason="asked to stop"))
    with pytest.raises(InputError, match="earlier version.*centre"):
        actions.resume(run, tmp_path)
    assert statuses.status(run).state is Status.STOPPED


def test_tags_are_words_and_names_are_short(run: RunFolder) -> None:
    assert tags.read(run) == tags.Tags()
    assert tags.write(run, "  the  good one ", ["paper", "a-b", "paper"]) == tags.Tags(
        "the good one", ("paper", "a-b")
    )
    assert tags.read(run).name == "the good one"
    for name, wrong in (("x" * 61, []), ("\x1b[31m", []), ("", ["two words"]), ("", [""])):
        with pytest.raises(InputError):
            tags.write(run, name, wrong)
    assert tags.read(run).name == "the good one"


def test_a_killed_worker_is_seen_within_five_seconds(
    run: RunFolder, sleeper: subprocess.Popen[bytes]
) -> None:
    from hashbench.tui.reader import Reader, Update

    log_events(run, worker_of(sleeper))
    run.log.write_text("one line before the end\n")
    seen: list[Update] = []

    def remember(update: Update) -> None:
        seen.append(update)
        reader.taken()

    reader = Reader(run.path.parent, remember)
    reader.watch([run.id])
    while not seen or run.id not in seen[-1].views:
        reader.step()
    os.kill(sleeper.pid, signal.SIGKILL)
    sleeper.wait()
    began = time.monotonic()
    while seen[-1].views.get(run.id) is None or seen[-1].views[run.id].status is not Status.LOST:
        assert time.monotonic() - began < 5
        reader.step()
        time.sleep(0.02)
    lines = [
        line.text
        for update in seen
        for remember in update.watched.values()
        for line in remember.output
    ]
    assert "one line before the end" in lines
