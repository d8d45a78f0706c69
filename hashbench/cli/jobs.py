"""Runs on a cluster, for the commands that start runs: submitted, and watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from hashbench.launch.jobs import Destination
    from hashbench.launch.start_mode import StartMode
    from hashbench.runs.job import Job, JobView
    from hashbench.runs.layout import RunFolder
    from hashbench.runs.state import RunState
    from hashbench.runs.tailer import Tailer

LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Submitted:
    """A run's job, and the run's events from the moment before it was submitted."""

    job: Job
    tailer: Tailer
    state: RunState


def submit_all(
    folders: Sequence[RunFolder], data_dir: Path, mode: StartMode, *, as_json: bool
) -> Mapping[RunFolder, Submitted]:
    """Submits the runs that are for a cluster, and says so."""
    from hashbench.cli.watch import earlier_state
    from hashbench.launch.jobs import submit
    from hashbench.runs.tailer import Tailer

    submitted = {}
    for to, together in _by_destination(folders, mode).items():
        if to is None:
            continue
        tailers = {folder: Tailer(folder.events) for folder in together}
        states = {folder: earlier_state(tailer) for folder, tailer in tailers.items()}
        for folder, job in submit(together, data_dir, to):
            submitted[folder] = Submitted(job, tailers[folder], states[folder])
            if mode.detach:
                typer.echo(folder.id)
    if submitted and not as_json:
        typer.echo(_summary(submitted), err=True)
    return submitted


def _by_destination(
    folders: Sequence[RunFolder], mode: StartMode
) -> Mapping[Destination | None, Sequence[RunFolder]]:
    from hashbench.launch.jobs import where_before

    if mode.destination is not None:
        return {mode.destination: folders}
    return {} if mode.on or mode.queue else where_before(folders)


def _summary(submitted: Mapping[RunFolder, Submitted]) -> str:
    from hashbench.clusters.catalog import title
    from hashbench.report.text import plural

    jobs = list(dict.fromkeys(one.job.id for one in submitted.values()))
    names = jobs[0] if len(jobs) == 1 else f"{jobs[0]} to {jobs[-1]}"
    where = title(next(iter(submitted.values())).job.on)
    many = "job" if len(jobs) == 1 else "jobs"
    return (
        f"submitted to {where}: {plural(len(submitted), 'run')} in {many} {names}; "
        "`hashbench queue` shows them, `hashbench stop RUN` ends one"
    )


def watch_jobs(submitted: Mapping[RunFolder, Submitted], *, as_json: bool) -> int:
    """Follows runs one after another until all have ended; the worst of their exit codes. Ctrl-C
    leaves them running.
    """
    from hashbench.cli.watch import Interrupted, watcher

    watch = watcher(as_json=as_json)
    worst = 0
    for number, (folder, one) in enumerate(submitted.items(), start=1):
        work = _JobWork(folder, one.state, watch.message)
        try:
            code = watch.follow_from(
                one.tailer, one.state, folder, work, number, len(submitted), leave=True
            )
        except Interrupted:
            typer.echo(_left(list(submitted)[number - 1 :]), err=True)
            raise typer.Exit(130) from None
        worst = max(worst, code)
    return worst


def _left(folders: Sequence[RunFolder]) -> str:
    ids = " ".join(folder.id for folder in folders)
    return (
        "the jobs go on without this terminal; `hashbench queue` shows them\n"
        f"to stop them: hashbench stop {ids}"
    )


@dataclass
class _JobWork:
    """A job as a watcher sees it; says why it waits, whenever that changes."""

    run: RunFolder
    state: RunState
    say: Callable[[str], None]
    returncode: int | None = None
    _said: str = ""
    _looked: float = field(default=-LOOK_SECONDS)

    def poll(self) -> int | None:
        """0 once the run has ended and its worker has let go of it, or its job is gone."""
        from hashbench.files import locks
        from hashbench.runs import job
        from hashbench.runs.status import put_back

        if self.state.ended is not None and not put_back(self.state):
            return None if locks.is_held(self.run.lock) else 0
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return None
        self._looked = time.monotonic()
        view = job.view(self.run)
        self._tell(view)
        return 0 if view is None or view.over else None

    def _tell(self, view: JobView | None) -> None:
        from hashbench.runs.status import status_of

        if view is None or not view.waits:
            return
        doing = status_of(self.run, self.state, {}).doing
        if doing != self._said:
            self._said = doing
            self.say(doing)
