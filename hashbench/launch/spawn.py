"""Starting a worker: a process and session of its own, which outlives whoever started it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from hashbench.errors import BusyError, InputError
from hashbench.files import locks
from hashbench.plan import catalog
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.runs import control, job, plugin_folders, queue
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import RunStatus, status

RELEASE_SECONDS = 5.0  # from the end of a run until its worker has let go of it, at most

_ENDED = (Status.STOPPED, Status.LOST, Status.FAILED)


def start(run: RunFolder, data_dir: Path) -> subprocess.Popen[bytes]:
    """Starts the worker of a run that has not begun or was interrupted, whoever else waits.

    Its stdout and stderr go to `worker.log`. Raises BusyError when a worker lives, InputError when
    the run is over, or its method is missing, has changed, or cannot be continued by this version.
    """
    check_startable(run)
    return _spawn(run, data_dir, [])


def enqueue(run: RunFolder, data_dir: Path, priority: int = 0) -> subprocess.Popen[bytes]:
    """Starts a worker that waits for a device slot in its turn: first by priority, then by the
    order of these calls, from whatever process they come.

    Raises as `start` does, and InputError for a priority out of range.
    """
    check_startable(run)
    device = specs.read(run.spec).device
    ticket = queue.of(run.path.parent).enter(run.id, device, priority)
    try:
        arguments = ["--ticket", ticket.handle, "--priority", str(priority)]
        worker = _spawn(run, data_dir, arguments, *ticket.files)
    except BaseException:
        ticket.close()
        raise
    ticket.hand_over(worker.pid)
    return worker


def has_worker(run: RunFolder, current: RunStatus) -> bool:
    """Whether a worker has the run or is about to: it lives, holds the run, has a ticket in the
    queue, or a scheduler has a job for it.
    """
    if current.job_lives:
        return True
    return (
        current.worker_lives or locks.is_held(run.lock) or queue.of(run.path.parent).waits(run.id)
    )


def settled(run: RunFolder) -> tuple[RunStatus, bool]:
    """The status of a run, and whether a worker has it.

    A worker reports its end a moment before it lets go of the run. That moment is waited for, so
    that a run which has just been stopped can be resumed at once.
    """
    until = time.monotonic() + RELEASE_SECONDS
    while (current := status(run)).state in _ENDED and time.monotonic() < until:
        if not locks.is_held(run.lock) or queue.of(run.path.parent).waits(run.id):
            break  # nobody has it, or a new worker that waits for its turn
        time.sleep(locks.POLL_SECONDS)
    return current, has_worker(run, current)


def check_startable(run: RunFolder) -> None:
    current, taken = settled(run)
    if taken:
        doing = f" ({current.doing})" if current.job_lives else ""
        remedy = f"`hashbench queue` shows it, `hashbench stop {run.id}` ends it"
        if current.job_lives and not job.is_answered(run):
            remedy = f"once its job is surely gone, remove {run.path / job.FILE}"
        raise BusyError(f"a worker has it already{doing}", where=run.id, remedy=remedy)
    if current.state is Status.FINISHED:
        raise InputError(
            "is finished; there is nothing to resume",
            where=run.id,
            remedy=f"hashbench show {run.id}",
        )
    spec = specs.read(run.spec)
    plugin_folders.require_plugins(run, spec)
    if not spec.file_hash:  # a file that is as it was has the parameters that it had
        _check_version(run, spec)


def _check_version(run: RunFolder, spec: RunSpec) -> None:
    """Refuses a run of an earlier version that its method cannot continue any more, before a worker
    takes it and it counts as failed; and one whose method is not installed any more.
    """
    card = catalog.method(spec.method, where=run.id)
    missing = [param.name for param in card.params if param.name not in spec.params]
    if missing:
        names = ", ".join(missing)
        raise InputError(
            f"is of an earlier version, whose {spec.method} had no parameter {names}",
            where=run.id,
            remedy="start it anew with the same options",
        )


def _spawn(
    run: RunFolder, data_dir: Path, arguments: list[str], *inherited: int
) -> subprocess.Popen[bytes]:
    control.clear(run)
    job.forget(run)
    command = [sys.executable, "-m", "hashbench.engine", str(run.path.resolve())]
    with run.log.open("ab") as log:
        return subprocess.Popen(
            [*command, "--data-dir", str(data_dir.resolve()), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherited,
        )


def last_log_lines(run: RunFolder, lines: int = 12) -> str:
    """The end of the worker's log, empty where there is none."""
    try:
        content = run.log.read_bytes()[-16_384:]
    except FileNotFoundError:
        return ""
    return "\n".join(content.decode(errors="replace").splitlines()[-lines:])
