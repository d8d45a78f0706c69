"""What runs took of their machines: events summed up, and the CPU and memory of a process."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hashbench.runs import events
from hashbench.runs.events import AnyEvent, GpuUse, MachineTotals, MachineUse

TAIL_BYTES = 1 << 22  # more than lies between two such events of a run that trains for weeks
CHILDREN_SECONDS = 15.0  # between two searches for children, which ask for every process there is
CHILDREN_COST = 0.0005  # of a core, that these searches may take
_MARK = b'{"kind":"machine"'


class MachineFold:
    """Sums up the `MachineUse` events of a run."""

    def __init__(self) -> None:
        self._uses: list[MachineUse] = []

    def add(self, event: AnyEvent) -> None:
        """Takes one event of any kind into account."""
        if isinstance(event, MachineUse):
            self._uses.append(event)

    def totals(self) -> MachineTotals | None:
        """Means and highest values so far; None where nothing was measured."""
        return total(self._uses) if self._uses else None


def total(uses: Iterable[MachineUse]) -> MachineTotals:
    """Several stretches of time as one: means weighted by time, the highest of memory and
    temperature.
    """
    uses = [use for use in uses if use.seconds > 0]
    seconds = sum(use.seconds for use in uses)
    numbers = list(dict.fromkeys(gpu.index for use in uses for gpu in use.gpus))
    of_gpus = {
        number: [(use.seconds, gpu) for use in uses for gpu in use.gpus if gpu.index == number]
        for number in numbers
    }
    joules = [
        length * gpu.power
        for readings in of_gpus.values()
        for length, gpu in readings
        if gpu.power is not None
    ]
    return MachineTotals(
        seconds=round(seconds, 3),
        cpu=round(sum(use.seconds * use.cpu for use in uses) / (seconds or 1.0), 4),
        memory=max((use.memory for use in uses), default=0.0),
        gpus=tuple(_gpu(number, readings) for number, readings in of_gpus.items()),
        energy=round(sum(joules), 1) if joules else None,
    )


def _gpu(index: int, readings: list[tuple[float, GpuUse]]) -> GpuUse:
    def mean(name: str) -> float | None:
        known = [(s, getattr(gpu, name)) for s, gpu in readings if getattr(gpu, name) is not None]
        length = sum(seconds for seconds, _ in known)
        return round(sum(s * value for s, value in known) / length, 4) if length else None

    def most(name: str) -> float | None:
        known = (getattr(gpu, name) for _, gpu in readings)
        return max((value for value in known if value is not None), default=None)

    return GpuUse(
        index, mean("load"), most("memory"), most("total"), most("temperature"), mean("power")
    )


def seconds_measured(path: Path) -> float:
    """How much of a run its events have measured, from the last of them; 0 for none."""
    if not path.is_file():
        return 0.0
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
        lines = file.read().split(b"\n")
    for line in reversed(lines):
        event = events.decode(line) if line.startswith(_MARK) else None
        if isinstance(event, MachineUse):
            return event.measured
    return 0.0


class ProcessMeter:
    """CPU and memory of a process and its children; the children are looked for now and then."""

    def __init__(self, pid: int) -> None:
        """Raises psutil.Error where there is no such process."""
        import psutil  # here, since a list of finished runs needs none of it

        self._process: Any = psutil.Process(pid)
        self._children: list[Any] = []
        self._search_at = 0.0

    def read(self) -> tuple[float, float]:
        """CPU seconds since the process began, with children that have ended, and resident bytes.

        Raises psutil.Error where the process has ended.
        """
        import psutil

        self.look_for_children()
        with self._process.oneshot():
            times, memory = self._process.cpu_times(), float(self._process.memory_info().rss)
        # what children took that have ended is counted by the kernel, not everywhere
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        seconds = times.user + times.system + ended
        for child in list(self._children):
            try:
                with child.oneshot():
                    took, resident = child.cpu_times(), child.memory_info().rss
            except psutil.Error:
                self._children.remove(child)
                continue
            seconds += took.user + took.system
            memory += float(resident)
        return seconds, memory

    def look_for_children(self) -> None:
        """Does so where it is time. `read` does it, too; apart, what it costs can be told apart."""
        now = time.monotonic()
        if now < self._search_at:
            return
        began = time.thread_time()
        self._children = self._process.children(recursive=True)
        cost = time.thread_time() - began
        self._search_at = now + max(CHILDREN_SECONDS, cost / CHILDREN_COST)
