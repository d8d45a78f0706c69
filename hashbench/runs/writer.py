"""The one writer of a run's events."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from hashbench.files.atomic import write_bytes_atomically
from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.machine_use import MachineFold
from hashbench.runs.tailer import Tailer
from hashbench.runs.warnings import WarningFold, rule_names

BEAT_SECONDS = 2.0
RESERVE = ".reserve"
RESERVE_BYTES = 1 << 16
TAIL_BYTES = 1 << 16
End = events.Stopped | events.Failed | events.Finished
FOREIGN_BYTES = 1 << 26  # so much without an event is no log of ours


class EventWriter:
    """Appends events to a file, one whole line a write, numbered on from what the file holds.

    A line that a killed worker left unfinished is ended first, so that it spoils no other. A
    thread writes a `Beat` when nothing was written for two seconds, so that a long step does not
    look like a dead worker; a stopped process writes none. `beat_seconds` may be set longer where
    nothing happens for hours.

    A file in the same folder reserves some space, which is given up when the disk is full: the
    write fails, but the reason of the failure can still be written.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        self._path = path
        self._reserve = path.with_name(RESERVE)
        write_bytes_atomically(self._reserve, bytes(RESERVE_BYTES))
        self._file = os.open(path, flags, 0o644)
        self._lock = threading.Lock()
        self._seq = 1 + _last_seq(self._file)
        self._torn = _is_torn(self._file)
        self._written = time.monotonic()
        self.beat_seconds = BEAT_SECONDS
        self._closing = threading.Event()
        self._beater = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._beater.start()

    def write(self, event: AnyEvent) -> None:
        """Appends one event; `seq` and `t` are filled in here, and in an end what was warned of and
        what the run took of its machine.

        Raises OSError, naming the file, where it cannot be written; the next write ends the line.
        """
        if isinstance(event, End):
            event = _summed_up(event, self._path)
        with self._lock:
            try:
                self._append(event)
            except OSError as error:
                self._reserve.unlink(missing_ok=True)
                if not isinstance(event, events.Failed | events.Stopped):
                    error.filename = str(self._path)
                    raise
                self._append(event)

    def _append(self, event: AnyEvent) -> None:
        stamped = msgspec.structs.replace(event, seq=self._seq, t=round(time.time(), 3))
        line = memoryview((b"\n" if self._torn else b"") + events.encode(stamped))
        while line:
            written = os.write(self._file, line)
            self._torn = written < len(line)
            line = line[written:]
        self._seq += 1
        self._written = time.monotonic()

    def _beat(self) -> None:
        while not self._closing.wait(BEAT_SECONDS / 4):
            if time.monotonic() - self._written >= self.beat_seconds:
                with contextlib.suppress(OSError):  # the training meets it as well, and reports it
                    self.write(events.Beat())

    def close(self) -> None:
        """Ends the heartbeat, syncs and closes the file."""
        self._closing.set()
        self._beater.join()
        self._reserve.unlink(missing_ok=True)
        try:
            os.fsync(self._file)
        finally:
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


def _summed_up(event: End, path: Path) -> End:
    """The end of a run with what follows from all events before it."""
    tailer, warned, used = Tailer(path), WarningFold(), MachineFold()
    while fresh := tailer.poll():
        for one in fresh:
            warned.add(one)
            used.add(one)
    return msgspec.structs.replace(
        event, warnings=rule_names(warned.warnings), machine=used.totals()
    )


def _is_torn(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _last_seq(file: int) -> int:
    """The number of the last event, -1 without any; reads no more of the end than it must."""
    size, length = os.fstat(file).st_size, TAIL_BYTES
    while True:
        lines = os.pread(file, min(length, size), max(0, size - length)).split(b"\n")
        if length < size:
            del lines[0]  # begins in the middle
        for line in reversed(lines):
            event = events.decode(line)
            if event is not None:
                return event.seq
        if length >= size or length > FOREIGN_BYTES:
            return -1
        length *= 8
