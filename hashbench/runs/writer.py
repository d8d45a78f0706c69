"""The one writer of a run's events."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from hashbench.runs import events
from hashbench.runs.events import AnyEvent

BEAT_SECONDS = 2.0


class EventWriter:
    """Appends events to a file, one whole line a write, numbered on from what the file holds.

    A line that a killed worker left unfinished is ended first, so that it spoils no other. A
    thread writes a `Beat` when nothing was written for two seconds, so that a long step does not
    look like a dead worker; a stopped process writes none.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._lock = threading.Lock()
        self._seq = self._next_seq(path)
        self._written = time.monotonic()
        self._closing = threading.Event()
        self._beater = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._beater.start()

    def _next_seq(self, path: Path) -> int:
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.write(self._file, b"\n")
        decoded = (events.decode(line) for line in content.splitlines())
        return 1 + max((event.seq for event in decoded if event is not None), default=-1)

    def write(self, event: AnyEvent) -> None:
        """Appends one event; `seq` and `t` are filled in here."""
        with self._lock:
            stamped = msgspec.structs.replace(event, seq=self._seq, t=round(time.time(), 3))
            line = memoryview(events.encode(stamped))
            while line:
                line = line[os.write(self._file, line) :]
            self._seq += 1
            self._written = time.monotonic()

    def _beat(self) -> None:
        while not self._closing.wait(BEAT_SECONDS / 4):
            if time.monotonic() - self._written >= BEAT_SECONDS:
                self.write(events.Beat())

    def close(self) -> None:
        """Ends the heartbeat, syncs and closes the file."""
        self._closing.set()
        self._beater.join()
        os.fsync(self._file)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
