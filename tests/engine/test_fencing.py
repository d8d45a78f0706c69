"""Never two writers of a run: who has not the claim, or lost it, writes nothing."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hashbench.engine import pipeline, process
from hashbench.errors import BusyError, ClaimLostError
from hashbench.files import locks
from hashbench.plan.request import Request, expand
from hashbench.runs import events, layout, processes
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (spec,) = expand(Request(method=["lsh"], dataset=["picturebook-tiny"], bits=[8]))
    return layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))


@pytest.fixture
def worker_does(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], None]]:
    """Puts something in the place of the training."""
    handlers = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield lambda work: monkeypatch.setattr(pipeline, "_work", work)
    for one, handler in handlers.items():
        signal.signal(one, handler)


def engine(run: RunFolder, *options: str) -> tuple[int, str]:
    """Exit code and log of a worker process."""
    command = [sys.executable, "-m", "hashbench.engine", str(run.path), *options]
    done = subprocess.run(
        [*command, "--data-dir", str(run.path)], capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def contents(run: RunFolder) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in run.path.rglob("*") if p.is_file()}


@pytest.mark.parametrize("way", ["flock", "lease"])
def test_a_second_worker_writes_nothing(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv(locks.VARIABLE, way)
    with EventWriter(run.events) as writer, locks.held(run.lock):
        writer.write(events.Started(**processes.this()))
        before = contents(run)
        code, log = engine(run, "--wait-for-claim", "0.5")
        assert code == BusyError.exit_code
        assert f"another worker holds this run: process {os.getpid()}" in log
        assert "Traceback" not in log
        after = contents(run)
        assert after.pop(str(run.events)).startswith(before.pop(str(run.events)))
        beats = {path: new for path, new in after.items() if path.endswith(".beat")}
        assert {**before, **beats} == after
        assert not any(isinstance(event, events.Failed) for event in read_all(run.events))


def test_a_requeued_worker_waits_for_the_one_before(
    run: RunFolder, worker_does: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    worker_does(lambda run, data, writer, slot: writer.write(events.Note(level="info", text="me")))
    before = locks.take(run.lock)
    assert before is not None
    began = time.monotonic()
    threading.Timer(0.6, before.close).start()
    assert process.attempt(run, run.path, None, wait=60.0) == 0
    assert time.monotonic() - began >= 0.6
    assert any(
        isinstance(event, events.Note) and event.text == "me" for event in read_all(run.events)
    )


def test_a_run_that_the_one_before_finished_is_none_to_do(run: RunFolder) -> None:
    with EventWriter(run.events) as writer:
        writer.write(events.Started(**processes.this()))
        writer.write(events.Finished(seconds=1.0))
    run.result.write_text("{}")
    before = contents(run)
    assert engine(run, "--wait-for-claim", "5") == (0, "")
    code, log = engine(run)
    assert (code, "is finished" in log) == (2, True)
    assert contents(run) | {str(run.lock): b""} == before | {str(run.lock): b""}


@pytest.mark.parametrize("seconds", ["nan", "soon"])
def test_a_wait_that_is_none_is_refused(run: RunFolder, seconds: str) -> None:
    code, log = engine(run, f"--wait-for-claim={seconds}")
    assert code == 2
    assert "--wait-for-claim" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("then", ["writes", "fails", "was told to stop"])
def test_a_worker_whose_run_was_taken_leaves_no_word(
    run: RunFolder, worker_does: Callable[[Any], None], then: str
) -> None:
    taken: dict[str, bytes] = {}

    def work(run: RunFolder, data: Path, writer: EventWriter, slot: object) -> None:
        run.lock.unlink()
        new = locks.take(run.lock)  # as a worker elsewhere does
        assert new is not None
        run.control_request.write_text("stop")  # for the new one
        taken.update(contents(run))
        if then == "writes":
            writer.write(events.Note(level="info", text="mine"))
        elif then == "was told to stop":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        raise ZeroDivisionError

    worker_does(work)
    with pytest.raises(ClaimLostError, match="lost its lock"):
        process.attempt(run, run.path, None)
    assert contents(run) == taken


@pytest.mark.slow
def test_a_worker_that_was_stopped_for_too_long_ends_and_another_finishes(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two real trainings, seen from two hosts; the first is stopped in the middle."""
    (spec,) = expand(
        Request(method=["dcmh"], dataset=["picturebook-tiny"], bits=[8], epochs=[400], threads=1)
    )
    run = layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))
    code = (
        "import sys; from tests.files.claim_crowd import on_a_lock_free_disk\n"
        "on_a_lock_free_disk(sys.argv.pop(1), 5.0, 0.5)\n"
        "from hashbench.engine.__main__ import main; sys.exit(main())"
    )
    monkeypatch.setenv(locks.VARIABLE, "lease")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    logs = [tmp_path / "first.log", tmp_path / "second.log"]

    def start(host: str, log: Path, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", code, host, str(run.path), "--data-dir", str(data_dir)]
        with log.open("wb") as file:
            return subprocess.Popen([*command, *options], stdout=file, stderr=file)

    def trains() -> bool:
        return any(isinstance(event, events.Loss) for event in read_all(run.events))

    with start("h1", logs[0]) as first:
        until = time.monotonic() + 300
        while not trains():
            assert time.monotonic() < until
            assert first.poll() is None, logs[0].read_text()
            time.sleep(0.1)
        first.send_signal(signal.SIGSTOP)
        with start("h2", logs[1], "--wait-for-claim", "120") as second:
            while not any(e.resumed for e in read_all(run.events) if isinstance(e, events.Started)):
                assert second.poll() is None, logs[1].read_text()
                time.sleep(0.1)
            first.send_signal(signal.SIGCONT)
            assert first.wait(120) == ClaimLostError.exit_code
            assert "lost its claim" in logs[0].read_text()
            assert second.wait(600) == 0, logs[1].read_text()
    assert status(run).state is Status.FINISHED
    numbers = [event.seq for event in read_all(run.events)]
    assert numbers == list(range(len(numbers)))  # no line of two writers, and none torn
    assert sum(isinstance(event, events.Started) for event in read_all(run.events)) == 2
