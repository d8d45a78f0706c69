"""One attempt at a run: takes it, waits for its turn, trains, and tells how it ended.

Nothing heavy is imported before the turn has come, since many workers may wait for hours.
"""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections.abc import Iterator
from pathlib import Path

import filelock

from hashbench.engine.waiting import Ticket, slot_for
from hashbench.errors import BusyError, HashbenchError, InputError, StopAskedError
from hashbench.runs import events, state, wishes
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.tailer import read_all
from hashbench.runs.writer import EventWriter

TAKE_SECONDS = 3.0  # how long a worker that has just ended may need to let go of its run
DETAIL_LINES = 12


def attempt(run: RunFolder, data_dir: Path, ticket: Ticket | None) -> int:
    """Does the run and returns the process's exit code; what went wrong is an event, too.

    Raises BusyError when another worker holds the run, InputError when the run is over.
    """
    with _taken(run) as writer:
        try:
            slot = slot_for(run, ticket, writer)
            from hashbench.engine.worker import work

            work(run, data_dir, writer, slot)
        except StopAskedError as stop:
            writer.write(events.Stopped(reason=stop.problem))
            return 0
        except HashbenchError as error:
            return _fail(writer, error, error)
        except Exception as error:
            # the last line of defence: the run is told failed, the log holds the whole trace
            return _fail(writer, HashbenchError(f"{type(error).__name__}: {error}"), error)
    return 0


@contextlib.contextmanager
def _taken(run: RunFolder) -> Iterator[EventWriter]:
    """Holds a run, with a writer for its events; SIGTERM and SIGINT become the wish to stop."""
    lock = filelock.FileLock(run.lock)
    try:
        lock.acquire(timeout=TAKE_SECONDS)
    except filelock.Timeout:
        raise BusyError("another worker holds this run", where=run.id) from None
    with lock:
        if state.status(state.fold(read_all(run.events)), run) is Status.FINISHED:
            lock.release()
            raise InputError("is finished", where=run.id, remedy=f"hashbench show {run.id}")
        for asked in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asked, lambda *_: wishes.ask(run, "stop"))
        with EventWriter(run.events) as writer:
            yield writer


def _fail(writer: EventWriter, told: HashbenchError, cause: BaseException) -> int:
    lines = traceback.format_exception(cause)
    print("".join(lines), flush=True)  # noqa: T201  # stdout of a worker is its log
    where = f"{told.where}: " if told.where else ""
    detail = "" if told is cause else "".join(lines[-DETAIL_LINES:])
    writer.write(
        events.Failed(
            reason=f"{where}{told.problem}",
            remedy=told.remedy or "",
            detail=detail,
            code=told.exit_code,
        )
    )
    return told.exit_code
