"""Starting a worker: a process and session of its own, which outlives whoever started it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hashbench.errors import BusyError, InputError
from hashbench.runs import state, wishes
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.tailer import read_all


def start(run: RunFolder, data_dir: Path) -> subprocess.Popen[bytes]:
    """Starts the worker of a run that has not begun or was interrupted.

    Its stdout and stderr go to `worker.log`. Raises BusyError when a worker lives, InputError when
    the run is over.
    """
    now = state.status(state.fold(read_all(run.events)), run)
    if now in (Status.RUNNING, Status.PAUSED):
        raise BusyError("a worker is at it already", where=run.id)
    if now is Status.FINISHED:
        raise InputError(
            "is finished; there is nothing to resume",
            where=run.id,
            remedy=f"hashbench show {run.id}",
        )
    wishes.clear(run)
    command = [sys.executable, "-m", "hashbench.engine", str(run.path.resolve())]
    with run.log.open("ab") as log:
        return subprocess.Popen(
            [*command, "--data-dir", str(data_dir.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_in_turn(runs: Sequence[RunFolder], data_dir: Path) -> None:
    """Leaves a process behind that works through runs one after another, as `resume` does."""
    command = [sys.executable, "-m", "hashbench", "resume", "--json"]
    subprocess.Popen(
        [*command, "--data-dir", str(data_dir.resolve()), *(str(run.path) for run in runs)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def last_log_lines(run: RunFolder, lines: int = 12) -> str:
    """The end of the worker's log, empty where there is none."""
    try:
        content = run.log.read_bytes()[-16_384:]
    except FileNotFoundError:
        return ""
    return "\n".join(content.decode(errors="replace").splitlines()[-lines:])
