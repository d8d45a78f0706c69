"""One process of a run: takes it, waits for its turn, trains, and records how it ended.

Nothing heavy is imported before the turn has come, since many workers may wait for hours.
"""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

from hashbench.clusters.base import EXIT_AGAIN
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
from hashbench.files import batons, fence, locks, os_errors
from hashbench.files.atomic import remove_leftovers
from hashbench.runs import control, events
from hashbench.runs.layout import RunFolder
from hashbench.runs.status import is_finished, status
from hashbench.runs.writer import RESERVE, EventWriter

TAKE_SECONDS = 3.0  # how long a worker that has just ended may need to let go of its run
DETAIL_LINES = 12
NO_MEMORY = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory")


def attempt(
    run: RunFolder,
    data_dir: Path,
    ticket: Ticket | None,
    *,
    wait: float | None = None,
    job: str = "",
) -> int:
    """Does the run and returns the exit code of the process; a failure becomes an event, too.

    With `wait`, another worker that holds the run has so many seconds to end, or to count as dead,
    and a run that is finished by then is none to do. In a scheduler's `job` a signal means that the
    job ends: the run is saved, and the exit code is EXIT_AGAIN.

    Raises BusyError when another worker holds the run, and ClaimLostError when one has taken it
    from this one, which then has written nothing more; InputError when the run is over.
    """
    with locks.held(run.lock, TAKE_SECONDS if wait is None else wait) as lock:
        if lock is None:
            raise _busy(run)
        if is_finished(run):
            if wait is not None:
                return 0
            raise InputError("is finished", where=run.id, remedy=f"hashbench show {run.id}")
        with fence.around(run.path, lock.check):
            ended = _EndOfJob(run)
            _on_signals(ended.ask if job else lambda: control.send(run, "stop"))
            _sweep(run)
            with EventWriter(run.events) as writer:
                code = _work(run, data_dir, ticket, writer, job, ended)
                # what lies in the place of a folder that was moved is another run's
                if code != EXIT_AGAIN and writer.displaced() is None:
                    carry_out(run, writer)
            control.clear_leave(run)
    return code


def _busy(run: RunFolder) -> BusyError:
    worker = status(run).worker
    who = "" if worker is None else f": process {worker.pid} on {worker.host}"
    return BusyError(
        f"another worker holds this run{who}",
        where=run.id,
        remedy=f"`hashbench stop {run.id}` ends it; if its host has died, try again in "
        f"{batons.LEASE_SECONDS:.0f} s",
    )


class _EndOfJob:
    """Whether the scheduler has asked this worker to leave, by a signal."""

    def __init__(self, run: RunFolder) -> None:
        control.clear_leave(run)  # what an earlier worker was asked
        self._run = run
        self.asked = False

    def ask(self) -> None:
        """Saves and leaves, once, unless a person has asked it to stop."""
        if not self.asked:
            self.asked = control.ask_to_leave(self._run)


def _on_signals(ask: Callable[[], object]) -> None:
    """SIGTERM and SIGINT, and SIGUSR1, which a batch script sends before its time limit."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda *_: ask())


def _work(
    run: RunFolder,
    data_dir: Path,
    ticket: Ticket | None,
    writer: EventWriter,
    job: str,
    ended: _EndOfJob,
) -> int:
    try:
        slot = slot_for(run, ticket, writer, job)
        from hashbench.engine.pipeline import work

        work(run, data_dir, writer, slot)
    except StopAskedError as stop:
        if ended.asked:
            writer.write(events.Stopped(reason=f"{job} was ended by its scheduler", again=True))
            return EXIT_AGAIN
        writer.write(events.Stopped(reason=stop.problem))
    except Exception as error:
        # the last line of defence: the run is marked failed, the log holds the whole trace; in a
        # folder that is gone, whatever fails fails for that, and where the run was taken from this
        # worker, nothing is marked
        displaced = writer.displaced()
        if displaced is None:
            fence.check(run.events)
        return _fail(writer, displaced or _as_hashbench_error(error, run), error)
    return 0


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
