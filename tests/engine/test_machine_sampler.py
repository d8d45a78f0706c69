"""The history of a run's machine: what the worker writes of itself, how often, and at what cost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from hashbench.engine import machine_sampler, pipeline
from hashbench.engine.machine_sampler import PARTS, sampled
from hashbench.errors import ClaimLostError, StorageError
from hashbench.runs import events, gpus
from hashbench.runs.events import GpuUse, MachineUse
from hashbench.runs.gpus import Gpu
from hashbench.runs.layout import RunFolder
from hashbench.runs.machine_use import ProcessMeter
from hashbench.runs.state_reader import read_ended_state
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter
from tests.engine.conftest import Make


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_sampler, "LEAST_SECONDS", 0.02)
    monkeypatch.setattr(machine_sampler, "MOST_COST", 1.0)


def uses(path: Path) -> list[MachineUse]:
    return [event for event in read_all(path) if isinstance(event, MachineUse)]


@pytest.mark.usefixtures("often")
def test_a_worker_measures_itself_and_goes_on_after_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for _ in range(2):
        with EventWriter(path) as writer, sampled(path, "cpu", writer):
            began = time.process_time()
            while time.process_time() - began < 0.15:
                sum(range(1000))
    found = uses(path)
    assert len(found) >= 4
    assert all(use.memory > 2**20 and use.gpus == () for use in found)
    assert max(use.cpu for use in found) > 0
    covered = 0.0
    for use in found:
        covered += use.seconds
        assert use.measured == pytest.approx(covered, abs=0.05)


@pytest.mark.usefixtures("often")
def test_the_gpu_of_the_run_and_no_other_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()

    def read(name: str) -> Gpu:
        asked.add(name)
        return Gpu(3, 0.5, 10.0, 80.0, 61.0, 250.0)

    monkeypatch.setattr(gpus, "read_named", read)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, GPU-abc")
    path = tmp_path / "events.jsonl"
    with EventWriter(path) as writer, sampled(path, "cuda:1", writer):
        time.sleep(0.1)
    assert asked == {"GPU-abc"}
    assert uses(path)[0].gpus == (GpuUse(3, 0.5, 10.0, 80.0, 61.0, 250.0),)


def test_days_leave_a_few_thousand_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty days in a clock that is played."""
    clock = 0.0
    written: list[MachineUse] = []
    sampler = machine_sampler._Sampler(written.append, None, 0.0)
    monkeypatch.setattr(sampler, "_meter", _Constant())
    monkeypatch.setattr(machine_sampler, "MOST_SECONDS", 120.0)  # so that the test is short
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    sampler._before = 0.0
    step = machine_sampler.MOST_SECONDS
    while clock < 30 * 86400:
        clock += max(1.0, min(step, sampler._due() / machine_sampler.READINGS))
        sampler._read()
        sampler.hand_on_if_due()
    assert len(written) < PARTS * 12
    assert sum(use.seconds for use in written) == pytest.approx(30 * 86400, rel=0.01)
    assert max(use.seconds for use in written) < 1.1 * 30 * 86400 / PARTS + step
    # whatever part of the run is looked at, its beginning is not coarser than its end
    assert all(a.seconds <= b.seconds + step for a, b in pairwise(written))
    size = sum(len(events.encode(use)) for use in written)
    assert size < 1_500_000


class _Constant:
    def read(self) -> tuple[float, float]:
        return 0.0, 2.0**30


def test_a_reading_that_is_dear_is_made_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a reading takes 20 ms of a core, ten seconds pass between two at 0.2 %."""
    pauses: list[float] = []

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            return len(pauses) > 3

    def read(sampler: machine_sampler._Sampler) -> None:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    sampler = machine_sampler._Sampler(lambda use: None, None, 0.0)
    sampler.closing = Watched()
    monkeypatch.setattr(machine_sampler._Sampler, "_read", read)
    sampler.run()
    assert all(pause >= 0.02 / 0.002 for pause in pauses[1:])


def test_a_reading_costs_less_than_a_thousandth_of_a_core() -> None:
    sampler = machine_sampler._Sampler(lambda use: None, None, 0.0)
    sampler._read()
    began = time.thread_time()
    for _ in range(50):
        sampler._read()
    cost = (time.thread_time() - began) / 50
    assert cost / machine_sampler.LEAST_SECONDS < 0.002, f"{1e3 * cost:.2f} ms a reading"


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        StorageError("the folder of the run was moved"),
        ClaimLostError("another process has the run"),
    ],
    ids=["full", "moved", "lost"],
)
def test_events_that_cannot_be_written_are_left_to_the_training(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, raised = tmp_path / "events.jsonl", []
    monkeypatch.setattr(threading, "excepthook", raised.append)

    def refuse(event: object) -> None:
        raise error

    with EventWriter(path) as writer:
        writer.write = refuse  # type: ignore[method-assign]
        with sampled(path, "cpu", writer):
            time.sleep(0.1)
    assert uses(path) == raised == []


def test_a_machine_that_cannot_be_read_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(meter: ProcessMeter) -> tuple[float, float]:
        raise psutil.AccessDenied

    monkeypatch.setattr(ProcessMeter, "read", refuse)
    path = tmp_path / "events.jsonl"
    done = False
    with EventWriter(path) as writer, sampled(path, "cpu", writer):
        done = True
    assert done
    assert uses(path) == []


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "machine"]


def test_codes_are_the_same_with_it_and_without(
    make: Make, here: Callable[[RunFolder], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that measures all the time draws nothing, and changes nothing that is drawn."""
    monkeypatch.setattr(machine_sampler, "LEAST_SECONDS", 0.001)
    monkeypatch.setattr(machine_sampler, "MOST_COST", 1.0)
    measured = make(method=["soda"], epochs=[1])
    assert here(measured) == 0
    monkeypatch.setattr(pipeline, "sampled", lambda *_: contextlib.nullcontext())
    plain = make(method=["soda"], epochs=[1])
    assert here(plain) == 0
    assert len(uses(measured.events)) > 10
    assert uses(plain.events) == []
    files = sorted(path.name for path in measured.codes.iterdir())
    assert files
    for name in files:
        assert (measured.codes / name).read_bytes() == (plain.codes / name).read_bytes(), name
    ended = read_ended_state(measured.events)
    assert ended is not None
    assert ended.ended is not None
    assert ended.ended.machine is not None
    assert ended.ended.machine.memory > 2**27  # torch is loaded
