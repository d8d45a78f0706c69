"""Starting the runs of a launch form; on a thread of its own, which outlives the form."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from hashbench.errors import HashbenchError, InputError
from hashbench.launch import spawn
from hashbench.launch.start_mode import StartMode
from hashbench.plan.spec import RunSpec
from hashbench.report.text import plural
from hashbench.runs.layout import create
from hashbench.tui.screens.base import notify_error

if TYPE_CHECKING:
    from hashbench.tui.app import Workbench


def start_runs(bench: Workbench, specs: Sequence[RunSpec], mode: StartMode) -> None:
    """Makes the run folders and starts a worker for each, or one that waits in the queue."""
    if bench.demo_speed is not None:
        refused = InputError("a demo trains nothing", remedy="`hashbench tui` launches runs")
        bench.call_from_thread(notify_error, bench, refused)
        return
    now = datetime.datetime.now().astimezone()
    start = partial(spawn.enqueue, priority=mode.priority) if mode.queue else spawn.start
    started = 0
    try:
        for spec in specs:
            run = create(bench.runs_dir, spec, now)
            mode.prepare(run)
            process = start(run, bench.data_dir)
            bench.call_from_thread(bench.worker_started, run, process)
            if not started:
                bench.call_from_thread(bench.dashboard.launched, run.id)
            started += 1
    except HashbenchError as error:
        bench.call_from_thread(notify_error, bench, error)
    bench.reader.look_now()
    if started:
        verb = "queued" if mode.queue else "launched"
        bench.call_from_thread(bench.notify, f"{verb}: {plural(started, 'run')}")
