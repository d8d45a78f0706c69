"""What can go wrong under a worker is reported in words, and leaves a run that can go on."""

from __future__ import annotations

import datetime
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from hashbench.engine import checkpoint, pipeline
from hashbench.engine import process as attempts
from hashbench.errors import BusyError, DamagedFileError, StorageError, TrainingError
from hashbench.files import growing_arrays, locks, os_errors
from hashbench.files.atomic import remove_leftovers, write_bytes_atomically
from hashbench.plan.request import Request, expand
from hashbench.runs import events, layout, processes
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status, fold
from hashbench.runs.status import status, status_of
from hashbench.runs.tailer import Tailer, read_all
from hashbench.runs.writer import RESERVE, EventWriter
from tests.engine.test_trainer import STEPS, Toy, conducted


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (spec,) = expand(Request())
    return layout.create(tmp_path, spec, datetime.datetime.now(datetime.UTC))


@pytest.fixture
def attempted(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An attempt whose work raises; gives the exit code and the event that tells of it."""
    handlers = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}

    def go(error: BaseException) -> tuple[int, events.Failed]:
        def work(*_: object) -> None:
            raise error

        monkeypatch.setattr(pipeline, "_work", work)
        code = attempts.attempt(run, run.path, None)
        (failed,) = (event for event in read_all(run.events) if isinstance(event, events.Failed))
        return code, failed

    yield go
    for one, handler in handlers.items():
        signal.signal(one, handler)


@pytest.mark.parametrize(
    ("error", "code", "reason", "remedy"),
    [
        (OSError(errno.ENOSPC, "x", "/disk/a"), 6, "/disk/a: the disk is full", "hashbench resume"),
        (OSError(errno.EROFS, "x", "/disk/a"), 6, "/disk/a: the disk is read-only", "resume"),
        (OSError(errno.EACCES, "x", "/disk/a"), 6, "/disk/a: the permission is missing", "resume"),
        (torch.OutOfMemoryError("CUDA out of memory"), 4, "device is out of memory", "batch_size"),
        (MemoryError(), 4, "machine is out of memory", "batch_size"),
        (RuntimeError("DefaultCPUAllocator: can't"), 4, "machine is out of memory", "batch_size"),
        (TrainingError("nan", remedy="less"), 4, "nan", "less"),
        (ZeroDivisionError("by zero"), 1, "ZeroDivisionError: by zero", ""),
    ],
)
def test_a_failure_is_reported_in_words(
    run: RunFolder, attempted: Any, error: Exception, code: int, reason: str, remedy: str
) -> None:
    exit_code, failed = attempted(error)
    assert exit_code == failed.code == code
    assert reason in failed.reason
    assert remedy in failed.remedy
    if not isinstance(error, TrainingError | torch.OutOfMemoryError):
        assert type(error).__name__ in failed.detail  # the last lines of the trace
    assert status(run).state is Status.FAILED


def test_a_run_that_is_held_is_refused(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "TAKE_SECONDS", 0.0)
    with locks.held(run.lock, 0) as mine:
        assert mine
        with pytest.raises(BusyError, match="another worker"):
            attempts.attempt(run, run.path, None)


class FullDisk:
    """`os.write` that has room for so many bytes, and for no more until the reserve is gone."""

    def __init__(self, room: int, reserve: Path) -> None:
        self.room, self.reserve, self.write = room, reserve, os.write

    def __call__(self, file: int, data: Any) -> int:
        if not self.reserve.exists():
            return self.write(file, data)
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self.write(file, bytes(data)[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 20])
def test_a_full_disk_is_reported_with_the_space_kept_for_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    with EventWriter(run.events) as writer:
        writer.write(events.Note(level="info", text="one"))
        monkeypatch.setattr(os, "write", FullDisk(room, run.path / RESERVE))
        with pytest.raises(OSError, match=r"events\.jsonl"):
            writer.write(events.Note(level="info", text="two"))
        writer.write(events.Failed(reason="full"))
    monkeypatch.undo()
    tailer = Tailer(run.events)
    assert [type(event) for event in tailer.poll()] == [events.Note, events.Failed]
    assert tailer.skipped == bool(room)  # the torn line
    assert not (run.path / RESERVE).exists()


def test_the_failure_itself_is_reported_on_a_full_disk(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EventWriter(run.events) as writer:
        monkeypatch.setattr(os, "write", FullDisk(0, run.path / RESERVE))
        writer.write(events.Failed(reason="full"))
    assert [event.seq for event in read_all(run.events)] == [0]


def test_numbers_go_on_after_a_long_line_and_foreign_bytes(run: RunFolder) -> None:
    with EventWriter(run.events) as writer:
        for text in ("a", "b" * 200_000):
            writer.write(events.Note(level="info", text=text))
    with run.events.open("ab") as file:
        file.write(b"\xff" * 300_000 + b'\n{"kind":"no')
    with EventWriter(run.events) as writer:
        writer.write(events.Note(level="info", text="c"))
    assert [event.seq for event in read_all(run.events)] == [0, 1, 2]


def test_a_file_of_its_own_is_not_written_through_a_link(run: RunFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    run.events.symlink_to(outside)
    with pytest.raises(OSError, match="symbolic"):
        EventWriter(run.events)
    assert outside.read_text() == "untouched"


def test_half_written_files_of_the_killed_are_swept(tmp_path: Path) -> None:
    write_bytes_atomically(tmp_path / "last.safetensors", b"whole")
    for name in (".last.safetensors.0a1b2c3d.part", ".result.json.0a1b2c3d.part", ".other"):
        (tmp_path / name).write_bytes(b"half")
    remove_leftovers(tmp_path, "result.json")
    assert not (tmp_path / ".result.json.0a1b2c3d.part").exists()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"last.safetensors", ".other"}


def test_a_map_to_write_takes_its_space_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(OSError, match=r"a\.npy") as caught:
        growing_arrays.create_array(tmp_path / "a.npy", (3, 4), "f4")
    assert "disk is full" in str(os_errors.explained(caught.value, then="go on"))


# locks


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: int) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with pytest.raises(StorageError, match="no file locks") as caught, locks.held(tmp_path / "l"):
        pass
    assert "another disk" in str(caught.value)


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from hashbench.files import locks\n"
        "with locks.held(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with locks.held(path, 0) as mine:
            assert not mine
        holder.kill()
        holder.wait()
        with locks.held(path, 5) as mine:
            assert mine


# who lives, and how long it takes, whatever the clock says


def started_now(**changes: Any) -> events.Started:
    return events.Started(**(processes.this() | changes))


def test_a_clock_that_is_set_loses_no_living_worker(run: RunFolder) -> None:
    shifted = processes.this()["since"] + 7200  # as another process reckons after the jump
    assert status_of(run, fold([started_now(since=shifted)])).state is Status.RUNNING
    old = fold([started_now(since=shifted, mark="")])  # a log of an older version
    assert status_of(run, old).state is Status.LOST


def test_a_reused_pid_is_another_worker(run: RunFolder) -> None:
    boot, _, ticks = processes.mark(os.getpid()).partition(":")
    for mark in (f"{boot}:{int(ticks) - 1}", f"other-boot:{ticks}"):
        assert status_of(run, fold([started_now(mark=mark)])).state is Status.LOST


@pytest.mark.parametrize("jump", [0.0, 1e6, -1e6])
def test_time_left_is_that_of_work_done(jump: float) -> None:
    plan = events.StagePlan("s", "S", epochs=10, steps=10)
    logged: list[events.AnyEvent] = [
        events.Started(pid=1, since=0.0, host="h", t=100.0),
        events.Planned(stages=(plan,), t=100.0),
        events.StageBegan(stage="s", t=100.0),
    ]
    logged += [
        events.Loss(stage="s", epoch=0, step=step, values={}, t=100.0 + step + (step > 5) * jump)
        for step in range(1, 10)
    ]
    left = fold(logged).seconds_left()
    assert left is not None
    assert 91 * 7 / 8 <= left <= 91  # a second a step; the step under the jump cannot be timed


def test_pauses_and_times_without_a_worker_do_not_count() -> None:
    note = {"level": "info", "text": ""}
    logged: list[events.AnyEvent] = [
        events.Started(pid=1, since=0.0, host="h", t=0.0),
        events.Note(**note, t=5.0),  # type: ignore[arg-type]
        events.Paused(t=6.0),
        *(events.Beat(t=6.0 + 2 * i) for i in range(500)),
        events.Continued(t=1006.0),
        events.Note(**note, t=1008.0),  # type: ignore[arg-type]
        events.Started(pid=2, since=0.0, host="h", t=9000.0),
        events.Note(**note, t=9001.0),  # type: ignore[arg-type]
    ]
    assert fold(logged).elapsed == 6.0 + 2.0 + 1.0


# weights and checkpoints


class Poisoned(Toy):
    """After one step its weight is no number, though every loss so far was finite."""

    def optimiser(self, stage: Any) -> torch.optim.Optimizer:
        made = super().optimiser(stage)

        def spoil(*_: object) -> None:
            if self.step == 2 * STEPS:
                self.weight.data.fill_(float("nan"))

        made.register_step_post_hook(spoil)
        return made


def test_weights_that_are_no_numbers_are_never_kept(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.engine.test_trainer.Toy", Poisoned)
    monkeypatch.setattr("hashbench.engine.trainer.SAVE_SECONDS", 0.0)
    with pytest.raises(TrainingError, match="weight after step 2 of epoch 1 of stage only"):
        conducted(run)
    (spec,) = expand(Request())
    saved = checkpoint.load(run, spec.hash)
    assert saved is not None
    assert (saved.position.epoch, saved.best.epoch) == (1, 0)
    assert all(tensor.isfinite().all() for tensor in [*saved.model.values()])
    monkeypatch.undo()
    conducted(run)  # without the poison it goes on from there


def test_a_checkpoint_of_another_model_is_named(run: RunFolder) -> None:
    conducted(run)
    (spec,) = expand(Request())
    saved = checkpoint.load(run, spec.hash)
    assert saved is not None
    saved.model["more"] = torch.zeros(3)
    checkpoint.save(run, saved)
    with pytest.raises(DamagedFileError, match="does not fit the method of this version"):
        conducted(run)
