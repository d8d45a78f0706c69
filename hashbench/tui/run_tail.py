"""What is kept of a run while its events and its worker's output are followed."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from hashbench.report.narration import Line, narrate
from hashbench.report.run_series import RunSeries
from hashbench.report.text import plain
from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.tailer import Tailer

LOG_LINES = 1000
OUTPUT_BYTES = 1 << 16


class RunTail:
    """Folds a run's events into state, series and log. `caught_up`: all bytes have been read."""

    def __init__(self, run: RunFolder) -> None:
        self.state = RunState()
        self.series = RunSeries()
        self.log: deque[Line] = deque(maxlen=LOG_LINES)
        self.recovery: events.Recovery | None = None
        self.caught_up = False
        self._tailer = Tailer(run.events)

    @property
    def skipped(self) -> int:
        """Lines that hold no event."""
        return self._tailer.skipped

    def poll(self, limit: int) -> bool:
        """Reads at most `limit` bytes on; returns whether anything new was there.

        Raises OSError for a file that cannot be read.
        """
        skipped = self._tailer.skipped
        fresh = self._tailer.poll(limit)
        for event in fresh:
            self.state.add(event)
            self.series.add(event)
            self.log.extend(_with_clock(event, narrate(event, self.state)))
            if isinstance(event, events.Recovery):
                self.recovery = event
        self.caught_up = not self._tailer.behind
        return bool(fresh) or skipped != self._tailer.skipped


def _with_clock(event: AnyEvent, lines: list[Line]) -> list[Line]:
    """The lines of an event, the first with the time, the others below its text."""
    if not lines:
        return []
    clock = time.strftime("%H:%M:%S", time.localtime(event.t))
    starts = (clock, *(" " * len(clock) for _ in lines[1:]))
    pairs = zip(starts, lines, strict=True)
    return [Line(f"{start} {line.text}", line.level) for start, line in pairs]


class OutputTail:
    """The end of a worker's output, read on as it grows; at most LOG_LINES lines are kept."""

    def __init__(self, path: Path) -> None:
        self.lines: deque[Line] = deque(maxlen=LOG_LINES)
        self._path = path
        self._offset = -1
        self._rest = b""

    def poll(self) -> bool:
        """Reads on; returns whether lines were added."""
        if not self._path.is_file():
            return False
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            first = self._offset < 0
            if first or size < self._offset:  # or it was replaced
                self._offset, self._rest = max(0, size - OUTPUT_BYTES), b""
            file.seek(self._offset)
            fresh = file.read(OUTPUT_BYTES)
        self._offset += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        self._rest = self._rest[-OUTPUT_BYTES:]
        if first and self._offset > len(fresh):
            lines = lines[1:]  # begins in the middle of a line
        self.lines.extend(Line(plain(line.decode(errors="replace")), "output") for line in lines)
        return bool(lines)
