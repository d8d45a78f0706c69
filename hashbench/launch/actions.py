"""What a person does to runs: pause, resume, stop, kill, delete. The command line and the workbench
share these; each looks at the run as it is now and raises InputError where it makes no sense.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil

from hashbench.errors import BusyError, InputError
from hashbench.launch import jobs, spawn
from hashbench.runs import control, job, processes, queue, trash
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status

Start = Callable[[RunFolder, Path], subprocess.Popen[bytes] | None]
"""How a run starts; it gives the process, or None where a job of a cluster was submitted."""

RESUMABLE = (Status.STOPPED, Status.LOST, Status.QUEUED)
"""The states in which a run without a worker can simply go on."""


RETRYABLE = (Status.FAILED, *RESUMABLE)


def pause(run: RunFolder) -> None:
    """Asks a running worker to save its state and wait, a waiting one to let others pass; holds the
    job of one that has not begun.
    """
    _require_worker(run, "pause")
    if status(run).state is Status.PAUSED:
        raise InputError("is paused already", where=run.id, remedy=f"hashbench resume {run.id}")
    view = job.view(run)
    if view is None or not jobs.pause(run, view):
        _request(run, "pause")


def resume(
    run: RunFolder, data_dir: Path, *, start: Start | None = None
) -> subprocess.Popen[bytes] | None:
    """Lets a paused worker go on, or starts one from the last checkpoint where none lives.

    `start` is by default `spawn.start` or, for a run that was a cluster's job, a job again.
    Returns the process that was started, if any.
    """
    if status(run).state is Status.PAUSED:
        view = job.view(run)
        if view is None or not jobs.release(view):
            _request(run, "go")
        return None
    return (start or jobs.or_submit(spawn.start))(run, data_dir)


def interrupted(run: RunFolder) -> bool:
    """Whether a run was stopped, killed or never started, so that it can go on."""
    current, taken = spawn.settled(run)
    return current.state in RESUMABLE and not taken


def stop(run: RunFolder) -> None:
    """Asks a worker to finish its step, save and end; `resume` goes on. A job that has not begun
    is cancelled.
    """
    _require_worker(run, "stop")
    view = job.view(run)
    _request(run, "stop")
    if view is not None:
        jobs.cancel_waiting(run, view)


def kill(run: RunFolder) -> None:
    """Ends a worker and its children at once, nothing saved since the last checkpoint.

    Raises InputError where none lives here: on another host only that host can kill it.
    """
    current = status(run)
    worker = current.worker
    if current.job_lives and (view := job.view(run)) is not None:
        jobs.kill(run, current, view)
        return
    if worker is None or not current.worker_lives:
        raise InputError(f"is {current.state}, so there is no worker to kill", where=run.id)
    if worker.host != processes.hostname():
        raise InputError(
            f"its worker runs on {worker.host}",
            where=run.id,
            remedy="stop it from here, or kill it there",
        )
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(worker.pid)
        for process in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def retry(
    run: RunFolder, data_dir: Path, *, start: Start | None = None
) -> subprocess.Popen[bytes] | None:
    """Starts a worker for a run that failed, was lost or stopped, from its last checkpoint, as
    `resume` does.
    """
    current = status(run).state
    if current not in RETRYABLE:
        states = " or ".join(RETRYABLE)
        raise InputError(f"is {current}; only {states} runs can be retried", where=run.id)
    return (start or jobs.or_submit(spawn.start))(run, data_dir)


def check_deletable(run: RunFolder) -> None:
    """Raises BusyError while a worker lives, InputError where the folder is no run folder or is
    another user's, which could be hidden but not removed.
    """
    if not run.spec.is_file() or run.path.is_symlink():
        raise InputError("is not a run folder", where=run.path)
    if spawn.has_worker(run, status(run)):
        raise BusyError("its worker is still running", where=run.id, remedy="stop or kill it first")
    for folder, _, _ in os.walk(run.path):
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            raise InputError(
                "is not yours to remove: the permission is missing",
                where=folder,
                remedy="ask its owner",
            )


def delete(run: RunFolder, at: int | None = None) -> trash.Deleted:
    """Moves a run's folder to the trash, from where `hashbench.runs.trash.restore` has it back for
    a while, and takes what is left of it out of the queue. Runs of one `at` were deleted together.

    Raises as `check_deletable` does, and InputError where the folder cannot be moved.
    """
    check_deletable(run)
    try:
        deleted = trash.put(run, trash.moment() if at is None else at)
    except OSError as error:
        raise InputError(f"cannot be removed: {error.strerror}", where=run.path) from None
    queue.of(run.path.parent).leave(run.id)
    trash.empty(run.path.parent)
    return deleted


def _require_worker(run: RunFolder, action: str) -> None:
    current = status(run)
    if not spawn.has_worker(run, current):
        raise InputError(f"is {current.state}: it has no worker to {action}", where=run.id)


def _request(run: RunFolder, request: control.ControlRequest) -> None:
    try:
        control.send(run, request)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=run.control_request
        ) from None
