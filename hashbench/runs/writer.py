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

from hashbench.errors import ClaimLostError, StorageError
from hashbench.files import fence, mounts
from hashbench.files.atomic import write_bytes_atomically
from hashbench.runs import events, processes
from hashbench.runs.events import AnyEvent
from hashbench.runs.machine_use import MachineFold
from hashbench.runs.tailer import Tailer
from hashbench.runs.warnings import WarningFold, rule_names

BEAT_SECONDS = 2.0
SHOW_SECONDS = 5.0  # until other hosts see what was written to a network disk, at most
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
        write_bytes_atomically(self._reserve, bytes(RESERVE_BYTES), make_folder=False)
        self._file = os.open(path, flags, 0o644)
        self._lock = threading.Lock()
        self._seq = 1 + _last_seq(self._file)
        self._torn = _is_torn(self._file)
        self._written = self._shown = time.monotonic()
        mount = mounts.on(path.parent)
        self._is_network = mount is not None and mount.is_network
        self.beat_seconds = BEAT_SECONDS
        self._closing = threading.Event()
        self._beater = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._beater.start()

    def write(self, event: AnyEvent) -> None:
        """Appends one event; `seq` and `t` are filled in here, and in an end what was warned of and
        what the run took of its machine.

        Raises OSError, naming the file, where it cannot be written; the next write ends the line.
        Raises ClaimLostError, and writes nothing, where another worker has taken the run, and
        StorageError for what is no end where the file is not in its place any more.
        """
        if (displaced := self.displaced()) is None:
            fence.check(self._path)
        elif not isinstance(event, End):  # an end goes with the folder, to wherever it was moved
            raise displaced
        if isinstance(event, End):
            event = _summed_up(event, self._path)
        with self._lock:
            try:
                self._append(event)
            except OSError as error:
                self._give_up_reserve()
                if not isinstance(event, events.Failed | events.Stopped):
                    error.filename = str(self._path)
                    raise
                self._append(event)

    def require_in_place(self) -> None:
        """Raises StorageError where the run's folder was moved or deleted: what else is written by
        its path would miss it.
        """
        if (problem := self.displaced()) is not None:
            raise problem

    def displaced(self) -> StorageError | None:
        """The error for a person where the file lies no longer at its path, else None."""
        try:
            if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                return None
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:
            return None  # a network disk that is away tells nothing
        return StorageError(
            "the folder of the run was moved, replaced or deleted while its worker was at work",
            where=self._path.parent,
            remedy="where it is now, `hashbench resume` goes on from the last checkpoint",
        )

    def _append(self, event: AnyEvent) -> None:
        stamped = msgspec.structs.replace(event, seq=self._seq, t=round(time.time(), 3))
        if isinstance(stamped, events.Queued | events.Started):
            stamped = msgspec.structs.replace(stamped, file=processes.file_mark(self._file))
        line = memoryview((b"\n" if self._torn else b"") + events.encode(stamped))
        while line:
            written = os.write(self._file, line)
            self._torn = written < len(line)
            line = line[written:]
        self._seq += 1
        self._written = time.monotonic()

    def _beat(self) -> None:
        while not self._closing.wait(BEAT_SECONDS / 4):
            # the training meets the same errors at its next event, and reports them
            with contextlib.suppress(OSError, ClaimLostError, StorageError):
                if time.monotonic() - self._written >= self.beat_seconds:
                    self.write(events.Beat())
                if self._is_network and time.monotonic() - self._shown >= SHOW_SECONDS:
                    self._shown = time.monotonic()
                    os.fsync(self._file)

    def _give_up_reserve(self) -> None:
        with contextlib.suppress(OSError):  # the folder may be read-only by now
            self._reserve.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the heartbeat, syncs and closes the file."""
        self._closing.set()
        self._beater.join()
        with contextlib.suppress(ClaimLostError):  # then it is the new worker's
            fence.check(self._reserve)
            self._give_up_reserve()
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


def last_number(path: Path) -> int:
    """The number of the last event in a file, -1 without any."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return -1
    try:
        return _last_seq(file)
    finally:
        os.close(file)


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
