"""Starting the runs of a launch form; on a thread of its own, which outlives the form."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hashbench.errors import HashbenchError, InputError
from hashbench.launch import jobs, spawn
from hashbench.launch.start_mode import StartMode
from hashbench.plan.spec import RunSpec
from hashbench.report.text import plural
from hashbench.runs.layout import RunFolder, create
from hashbench.tui.screens.base import notify_error

if TYPE_CHECKING:
    from hashbench.tui.app import Workbench


def start_runs(bench: Workbench, specs: Sequence[RunSpec], mode: StartMode) -> None:
    """Makes the run folders and starts a worker for each, or one that waits in the queue, or
    submits them to a cluster.
    """
    if bench.demo_speed is not None:
        refused = InputError("a demo trains nothing", remedy="`hashbench tui` launches runs")
        bench.call_from_thread(notify_error, bench, refused)
        return
    started = 0
    try:
        for run, process in _started(bench, specs, mode):
            if process is not None:
                bench.call_from_thread(bench.worker_started, run, process)
            if not started:
                bench.call_from_thread(bench.dashboard.launched, run.id)
            started += 1
    except HashbenchError as error:
        bench.call_from_thread(notify_error, bench, error)
    bench.reader.look_now()
    if started:
        done = {"queue": "queued", "launch": "launched", "submit": "submitted"}[mode.verb]
        bench.call_from_thread(bench.notify, f"{done}: {plural(started, 'run')}")


def _started(
    bench: Workbench, specs: Sequence[RunSpec], mode: StartMode
) -> Iterator[tuple[RunFolder, subprocess.Popen[bytes] | None]]:
    """Each run with its process; None where it is a job of a cluster. Raises HashbenchError."""
    now = datetime.datetime.now().astimezone()
    runs = (_prepared(bench, spec, mode, now) for spec in specs)  # made when their turn comes
    if mode.destination is not None:
        for run, _ in jobs.submit(list(runs), bench.data_dir, mode.destination):
            yield run, None
        return
    start = partial(spawn.enqueue, priority=mode.priority) if mode.queue else spawn.start
    for run in runs:
        yield run, start(run, bench.data_dir)


def _prepared(
    bench: Workbench, spec: RunSpec, mode: StartMode, now: datetime.datetime
) -> RunFolder:
    run = create(bench.runs_dir, spec, now)
    mode.prepare(run)
    return run
