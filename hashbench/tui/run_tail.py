"""Everything that is kept of one run while it is followed event by event."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from hashbench.report.text import plain
from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState
from hashbench.runs.tailer import Tailer
from hashbench.tui.event_log import OUTPUT, Line, told
from hashbench.tui.series import RunSeries

STORY_LINES = 1000
LOG_BYTES = 1 << 16


class Follower:
    """Folds a run's events into state, series and story. `caught_up`: all bytes have been read."""

    def __init__(self, run: RunFolder) -> None:
        self.state = RunState()
        self.series = RunSeries()
        self.story: deque[Line] = deque(maxlen=STORY_LINES)
        self.pace = Pace()
        self.recovery: events.Recovery | None = None
        self.caught_up = False
        self._tailer = Tailer(run.events)

    @property
    def skipped(self) -> int:
        """Lines that held no event."""
        return self._tailer.skipped

    def poll(self, limit: int) -> bool:
        """Reads at most `limit` bytes on; tells whether anything new was there.

        Raises OSError for a file that cannot be read.
        """
        skipped = self._tailer.skipped
        fresh = self._tailer.poll(limit)
        for event in fresh:
            self.state.add(event)
            self.pace.add(event, self.state)
            self.series.add(event)
            self.story.extend(told(event))
            if isinstance(event, events.Recovery):
                self.recovery = event
        self.caught_up = not self._tailer.behind
        return bool(fresh) or skipped != self._tailer.skipped


class Pace:
    """How fast a worker trains, from the first to the latest step that it told of since it began
    or went on, so that neither loading nor pauses nor steps of an earlier worker count.
    """

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None

    def add(self, event: AnyEvent, state: RunState) -> None:
        """Takes an event into account, after the state did."""
        match event:
            case events.Started() | events.Continued():
                self._first = self._last = None
            case events.Loss() | events.EpochEnded():
                self._last = (state.elapsed, state.steps_done)
                self._first = self._first or self._last
            case _:
                pass

    def left(self, total: int) -> float | None:
        """Seconds until `total` steps, None while it cannot be told."""
        if self._first is None or self._last is None:
            return None
        (t0, done0), (t1, done1) = self._first, self._last
        if t1 - t0 < 0.5 or done1 <= done0:
            return None
        return max(0.0, (total - done1) * (t1 - t0) / (done1 - done0))


class LogFollower:
    """The end of a worker's log, read on as it grows; at most STORY_LINES lines are kept."""

    def __init__(self, path: Path) -> None:
        self.lines: deque[Line] = deque(maxlen=STORY_LINES)
        self._path = path
        self._offset = -1
        self._rest = b""

    def poll(self) -> bool:
        """Tells whether lines were added."""
        if not self._path.is_file():
            return False
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            first = self._offset < 0
            if first or size < self._offset:
                self._offset, self._rest = max(0, size - LOG_BYTES), b""
            file.seek(self._offset)
            fresh = file.read(LOG_BYTES)
        self._offset += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        self._rest = self._rest[-LOG_BYTES:]
        if first and self._offset > len(fresh):
            lines = lines[1:]  # begins in the middle of a line
        self.lines.extend(Line(plain(line.decode(errors="replace")), OUTPUT) for line in lines)
        return bool(lines)
