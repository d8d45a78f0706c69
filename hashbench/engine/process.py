"""One process of a run: takes it, waits for its turn, trains, and records how it ended.

Nothing heavy is imported before the turn has come, since many workers may wait for hours.
"""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections.abc import Iterator
from pathlib import Path

from hashbench.engine.on_finish import carry_out
from hashbench.engine.slot_acquisition import Ticket, slot_for
from hashbench.errors import (
    BusyError,
    HashbenchError,
    InputError,
    StopAskedError,
    StorageError,
    TrainingError,
)
from hashbench.files import locks, os_errors
from hashbench.files.atomic import remove_leftovers
from hashbench.runs import control, events
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.runs.writer import RESERVE, EventWriter

TAKE_SECONDS = 3.0  # how long a worker that has just ended may need to let go of its run
DETAIL_LINES = 12
NO_MEMORY = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory")


def attempt(run: RunFolder, data_dir: Path, ticket: Ticket | None) -> int:
    """Does the run and returns the exit code of the process; a failure becomes an event, too.

    Raises BusyError when another worker holds the run, InputError when the run is over.
    """
    with _taken(run) as writer:
        code = _work(run, data_dir, ticket, writer)
        if writer.displaced() is None:  # what lies there else is another run's
            carry_out(run, writer)
    return code


def _work(run: RunFolder, data_dir: Path, ticket: Ticket | None, writer: EventWriter) -> int:
    try:
        slot = slot_for(run, ticket, writer)
        from hashbench.engine.pipeline import work

        work(run, data_dir, writer, slot)
    except StopAskedError as stop:
        writer.write(events.Stopped(reason=stop.problem))
    except Exception as error:
        # the last line of defence: the run is marked failed, the log holds the whole trace
        # in a folder that is gone, whatever fails fails for that
        return _fail(writer, writer.displaced() or _as_hashbench_error(error, run), error)
    return 0


@contextlib.contextmanager
def _taken(run: RunFolder) -> Iterator[EventWriter]:
    """Holds a run, with a writer for its events; SIGTERM and SIGINT become the request to stop."""
    with locks.held(run.lock, TAKE_SECONDS) as mine:
        if not mine:
            raise BusyError("another worker holds this run", where=run.id)
        if status(run).state is Status.FINISHED:
            raise InputError("is finished", where=run.id, remedy=f"hashbench show {run.id}")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: control.send(run, "stop"))
        _sweep(run)
        with EventWriter(run.events) as writer:
            yield writer


def _sweep(run: RunFolder) -> None:
    """Removes the half-written files of workers that were killed."""
    for folder in (run.checkpoint, run.codes):
        remove_leftovers(folder)
    for name in (run.result.name, run.labels.name, RESERVE):
        remove_leftovers(run.path, name)


def _as_hashbench_error(error: Exception, run: RunFolder) -> HashbenchError:
    if isinstance(error, HashbenchError):
        return error
    if isinstance(error, OSError) and error.errno in os_errors.MEANINGS:
        return os_errors.explained(error, then=f"hashbench resume {run.id}")
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in NO_MEMORY):
        remedy = "a smaller batch_size, or end other programs; the last checkpoint is kept"
        return TrainingError("the machine is out of memory", remedy=remedy)
    return HashbenchError(f"{type(error).__name__}: {error}")


def _fail(writer: EventWriter, error: HashbenchError, cause: BaseException) -> int:
    lines = traceback.format_exception(cause)
    log = f"{error}\n" if isinstance(error, StorageError) else "".join(lines)
    with contextlib.suppress(OSError):  # the log may be on the disk that is full
        print(log, flush=True)  # noqa: T201  # stdout of a worker is its log
    where = f"{error.where}: " if error.where else ""
    detail = "" if error is cause else "".join(lines[-DETAIL_LINES:])
    writer.write(
        events.Failed(
            reason=f"{where}{error.problem}",
            remedy=error.remedy or "",
            detail=detail,
            code=error.exit_code,
        )
    )
    return error.exit_code
