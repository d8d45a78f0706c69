"""What a person does to runs: pause, go on, stop, kill, delete. The command line and the TUI share
these; each looks at the run as it is now and raises InputError where the action makes no sense.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil

from hashbench.errors import BusyError, InputError
from hashbench.launch import spawn
from hashbench.runs import control, state
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState, Status
from hashbench.runs.tailer import read_all

Start = Callable[[RunFolder, Path], subprocess.Popen[bytes]]

INTERRUPTED = (Status.STOPPED, Status.LOST, Status.QUEUED)
"""The states in which a run whose worker does not live can simply go on."""


def pause(run: RunFolder) -> None:
    """Asks a running worker to save its state and wait, one that waits to let others pass."""
    _only_alive(run, "pause")
    if _now(run)[0] is Status.PAUSED:
        raise InputError("is paused already", where=run.id, remedy=f"hashbench resume {run.id}")
    _ask(run, "pause")


def resume(
    run: RunFolder, data_dir: Path, *, start: Start | None = None
) -> subprocess.Popen[bytes] | None:
    """Wakes a paused worker, or starts one from the last checkpoint where none lives.

    `start` is `worker.start` unless told otherwise. Returns the process that was started, if any.
    """
    if _now(run)[0] is Status.PAUSED:
        _ask(run, "go")
        return None
    return (start or spawn.start)(run, data_dir)


def interrupted(run: RunFolder) -> bool:
    """Whether a run was stopped, killed, lost or never came to start, so that it can go on."""
    status, folded = _now(run)
    return status in INTERRUPTED and not spawn.is_worked_at(run, folded)


def stop(run: RunFolder) -> None:
    """Asks a worker to finish its step, save and end; `resume` goes on."""
    _only_alive(run, "stop")
    _ask(run, "stop")


def kill(run: RunFolder) -> None:
    """Ends a worker and its children at once, nothing saved since the last checkpoint.

    Raises InputError where none lives here: on another host only that host can kill it.
    """
    status, folded = _now(run)
    told = folded.worker
    if not state.worker_lives(folded) or told is None:
        raise InputError(f"is {status}, so there is no worker to kill", where=run.id)
    if told.host != socket.gethostname():
        raise InputError(
            f"its worker runs on {told.host}",
            where=run.id,
            remedy="stop it from here, or kill it there",
        )
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(told.pid)
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def retry(run: RunFolder, data_dir: Path, *, start: Start | None = None) -> subprocess.Popen[bytes]:
    """Starts a worker for a run that failed, was lost or stopped, from its last checkpoint."""
    _only(run, "retry", Status.FAILED, Status.LOST, Status.STOPPED, Status.QUEUED)
    return (start or spawn.start)(run, data_dir)


def delete(run: RunFolder) -> None:
    """Removes a run's folder for good. Raises BusyError while a worker lives, InputError where the
    folder is no run folder or cannot be removed.

    The folder is renamed first, so that no reader ever sees half of a run.
    """
    if not run.spec.is_file() or run.path.is_symlink():
        raise InputError("is not a run folder", where=run.path)
    if spawn.is_worked_at(run, _now(run)[1]):
        raise BusyError("its worker lives", where=run.id, remedy="stop or kill it first")
    doomed = run.path.with_name(f".deleted-{secrets.token_hex(4)}")
    try:
        run.path.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise InputError(f"cannot be removed: {error.strerror}", where=run.path) from None


def _now(run: RunFolder) -> tuple[Status, RunState]:
    folded = state.fold(read_all(run.events))
    return state.status(folded, run), folded


def _only_alive(run: RunFolder, what: str) -> None:
    status, folded = _now(run)
    if not spawn.is_worked_at(run, folded):
        raise InputError(f"is {status}: it has no worker that could {what}", where=run.id)


def _only(run: RunFolder, what: str, *allowed: Status) -> None:
    status, _ = _now(run)
    if status not in allowed:
        names = " or ".join(allowed)
        raise InputError(f"is {status}; only {names} runs can {what}", where=run.id)


def _ask(run: RunFolder, request: control.ControlRequest) -> None:
    try:
        control.send(run, request)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=run.control_request
        ) from None
