"""Reads a run's events as they are appended, by byte offset."""

from __future__ import annotations

from pathlib import Path

from hashbench.runs import events
from hashbench.runs.events import AnyEvent

CHUNK = 1 << 22


class Tailer:
    """Follows one file. A partial last line is kept for later; lines without an event are counted.

    `skipped` counts those lines; `behind` says that the last poll left something unread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self.skipped = 0
        self.behind = False

    def poll(self, limit: int = CHUNK) -> list[AnyEvent]:
        """Events appended since the last poll, reading at most `limit` bytes; [] if none are.

        A file that shrank was replaced and is read from its beginning. What is no ordinary file is
        not opened: a pipe of that name would wait forever.
        """
        self.behind = False
        if not self._path.is_file():
            return []
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                if size < self._offset:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                fresh = file.read(limit)
        except FileNotFoundError:
            return []
        self._offset += len(fresh)
        self.behind = len(fresh) == limit
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        if len(self._rest) > CHUNK:  # no event is that long: a foreign file
            self._rest = b""
            self.skipped += 1
        decoded = [(line, events.decode(line)) for line in lines]
        self.skipped += sum(event is None and bool(line.strip()) for line, event in decoded)
        return [event for _, event in decoded if event is not None]


def read_all(path: Path) -> list[AnyEvent]:
    """All events of a file."""
    tailer = Tailer(path)
    all_events: list[AnyEvent] = []
    while fresh := tailer.poll():
        all_events += fresh
    return all_events
