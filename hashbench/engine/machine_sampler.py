"""The history of a run's machine: a thread of the worker that measures what the run takes.

It draws no random numbers and touches nothing that is trained. What it costs decides how often it
looks, so that it stays below a share of a core on every machine; and the longer the run, the longer
the stretch that one event covers, so that days leave a few thousand events.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from hashbench.errors import HashbenchError
from hashbench.runs import gpus, slots
from hashbench.runs.events import GpuUse, MachineUse
from hashbench.runs.machine_use import ProcessMeter, seconds_measured, total
from hashbench.runs.writer import EventWriter

LEAST_SECONDS = 1.0  # between two readings
MOST_SECONDS = 10.0  # but for what they cost
MOST_COST = 0.001  # of a core, for readings
PARTS = 500  # an event covers at least this part of what was measured
READINGS = 10  # of a stretch, at least


@contextlib.contextmanager
def sampled(path: Path, device: str, writer: EventWriter) -> Iterator[None]:
    """Measures what the worker takes while the block runs. `path` are the run's events, in which an
    earlier worker may have begun; `device` is as torch names it.
    """
    with contextlib.ExitStack() as stack:
        # a machine that cannot be read is no reason to stop a run
        with contextlib.suppress(psutil.Error, OSError):
            sampler = _Sampler(writer.write, _gpu_name(device), seconds_measured(path))
            stack.enter_context(sampler.running())
        yield


def _gpu_name(device: str) -> str | None:
    """The GPU behind torch's name, as the driver knows it."""
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = slots.visible_gpus() if visible is None else [n.strip() for n in visible.split(",")]
    place = int(number or 0)
    return names[place] if place < len(names) else None


class _Sampler:
    """Reads until `closing` is set, and hands on one event for every stretch of time."""

    def __init__(
        self, write: Callable[[MachineUse], object], gpu: str | None, measured: float
    ) -> None:
        self.closing = threading.Event()
        self._write = write
        self._gpu = gpu
        self._measured = measured
        self._readings: list[MachineUse] = []
        self._covered = 0.0  # seconds, by these readings
        self._meter = ProcessMeter(os.getpid())
        self._read_gpu()  # the first time the driver is opened, which is dear
        self._seconds, self._before = self._meter.read()[0], time.monotonic()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """A thread runs it while the block does."""
        thread = threading.Thread(target=self.run, name="machine", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.closing.set()
            thread.join()

    def run(self) -> None:
        """For a thread of its own; ends where the machine cannot be read any more."""
        pause = LEAST_SECONDS
        with contextlib.suppress(psutil.Error, OSError):
            while not self.closing.wait(pause):
                self._meter.look_for_children()  # has a budget of its own
                began = time.thread_time()
                self._read()
                self.hand_on_if_due()
                usual = min(MOST_SECONDS, self._due() / READINGS)
                pause = max(LEAST_SECONDS, usual, (time.thread_time() - began) / MOST_COST)
            self._read()
        # the CPU of a moment is no figure, but a short run is measured, too
        if self._covered > LEAST_SECONDS / 2 or not self._measured:
            self._hand_on()

    def hand_on_if_due(self) -> None:
        """Hands on what was read, once it is a long enough stretch of the run so far."""
        if self._covered >= 0.9 * self._due():  # a thread wakes up a little early or late
            self._hand_on()

    def _due(self) -> float:
        """The seconds that the next event shall cover."""
        return max(LEAST_SECONDS, self._measured / PARTS)

    def _read(self) -> None:
        seconds, memory = self._meter.read()
        now = time.monotonic()
        length = now - self._before
        if length <= 0:
            return
        cores = max(0.0, seconds - self._seconds) / length
        self._seconds, self._before = seconds, now
        self._covered += length
        self._readings.append(
            MachineUse(
                seconds=length,
                measured=0.0,
                # what a child took that nobody saw alive is counted at once, when it ends
                cpu=min(cores, float(os.cpu_count() or 1)),
                memory=memory,
                gpus=self._read_gpu(),
            )
        )

    def _read_gpu(self) -> tuple[GpuUse, ...]:
        found = None if self._gpu is None else gpus.read_named(self._gpu)
        if found is None:
            return ()
        used = found.used, found.total, found.temperature, found.power
        return (GpuUse(found.index, found.load, *used),)

    def _hand_on(self) -> None:
        if not self._readings:
            return
        stretch = total(self._readings)
        self._readings.clear()
        self._covered = 0.0
        self._measured += stretch.seconds
        # a full disk, a folder that was moved, a claim that was lost: the training meets the same
        # with its next event, and reports it
        with contextlib.suppress(OSError, HashbenchError):
            self._write(
                MachineUse(
                    seconds=stretch.seconds,
                    measured=round(self._measured, 3),
                    cpu=stretch.cpu,
                    memory=stretch.memory,
                    gpus=stretch.gpus,
                )
            )
