"""Runs on clusters: submitting them, and what people do to their jobs.

Nothing has to stay alive where a run is submitted. What was submitted lies in `.jobs` in the runs
folder: a folder for each submission with the script, the list of its runs and the jobs' output.
"""

from __future__ import annotations

import datetime
import secrets
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hashbench.clusters import catalog
from hashbench.clusters.base import Cluster, JobState, Submission
from hashbench.clusters.options import find_file
from hashbench.errors import InputError
from hashbench.files import locks
from hashbench.launch import spawn
from hashbench.runs import control, events, job
from hashbench.runs.job import Job, JobView
from hashbench.runs.layout import RunFolder, find
from hashbench.runs.status import RunStatus, status
from hashbench.runs.writer import EventWriter, last_number

FOLDER = ".jobs"
TAKE_SECONDS = 1.0


@dataclass(frozen=True)
class Destination:
    """Where runs go: `on` as `--on` says it, its file of options if one was chosen, and how many
    runs a job does, None: as the options say.
    """

    on: str
    options_file: Path | None = None
    per_job: int | None = None

    def cluster(self, runs_dir: Path) -> Cluster:
        """The cluster, its options checked. Raises InputError."""
        name = self.on.partition("://")[0]
        catalog.check_name(self.on)
        file = find_file(name, runs_dir, self.options_file)
        return catalog.cluster_named(self.on, file, self.per_job)


def submit(
    runs: Sequence[RunFolder], data_dir: Path, to: Destination
) -> Iterator[tuple[RunFolder, Job]]:
    """Submits runs that have not begun or were interrupted; yields each with its job.

    Raises BusyError when one of them is worked at, InputError when one is over or cannot be
    continued, or the scheduler refuses; SchedulerSilentError.
    """
    by_folder: dict[Path, list[RunFolder]] = {}
    for run in runs:
        by_folder.setdefault(run.path.resolve().parent, []).append(run)
    for runs_dir, together in by_folder.items():
        yield from _submit(runs_dir, together, data_dir.resolve(), to)


def _submit(
    runs_dir: Path, runs: Sequence[RunFolder], data_dir: Path, to: Destination
) -> Iterator[tuple[RunFolder, Job]]:
    cluster = to.cluster(runs_dir)
    kept = runs_dir / FOLDER
    _make(kept)
    # two commands at once would both submit what nobody works at yet
    with locks.held(kept / "submit.lock"):
        for run in runs:
            spawn.check_startable(run)
            control.clear(run)
        stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        folder = kept / f"{stamp}-{secrets.token_hex(2)}"
        _make(folder)
        before = {run: last_number(run.events) for run in runs}
        by_path = {run.path.resolve(): run for run in runs}
        file = cluster.options_file
        for path, job_id in cluster.submit(Submission(tuple(by_path), data_dir, folder)):
            made = Job(
                on=to.on,
                id=job_id,
                submitted=time.time(),
                after=before[by_path[path]],
                user=job.this_user(),
                data_dir=str(data_dir),
                options="" if file is None else str(file),
                per_job=to.per_job or 0,
                kept=str(folder),
            )
            job.write(by_path[path], made)
            yield by_path[path], made
    catalog.forget_looks()


def where_before(runs: Iterable[RunFolder]) -> dict[Destination | None, list[RunFolder]]:
    """Runs by where they ran before; None: on a host. A file of options that is gone is looked for
    in its usual places.
    """
    found: dict[Destination | None, list[RunFolder]] = {}
    for run in runs:
        found.setdefault(_before(run), []).append(run)
    return found


def _before(run: RunFolder) -> Destination | None:
    before = job.read(run)
    if before is None:
        return None
    file = Path(before.options) if before.options else None
    there = file is not None and file.is_file()
    return Destination(before.on, file if there else None, before.per_job or None)


Start = Callable[[RunFolder, Path], subprocess.Popen[bytes]]


def or_submit(local: Start) -> Callable[[RunFolder, Path], subprocess.Popen[bytes] | None]:
    """A way to start a run where it ran before: as a job again, or by `local`."""

    def start(run: RunFolder, data_dir: Path) -> subprocess.Popen[bytes] | None:
        before = _before(run)
        if before is None:
            return local(run, data_dir)
        for _ in submit([run], data_dir, before):
            pass
        return None

    return start


def pause(run: RunFolder, view: JobView) -> bool:
    """Holds a job that waits; False where its worker has to be asked. Raises InputError."""
    if view.state is not JobState.WAITING:
        return False
    _require_alone(run, view, "pause")
    _cluster(view).hold(view.job.id)
    catalog.forget_looks()
    return True


def release(view: JobView) -> bool:
    """Lets a job that is held wait for its turn again; False where it is not held."""
    if view.state is not JobState.HELD:
        return False
    _cluster(view).release(view.job.id)
    catalog.forget_looks()
    return True


def cancel_waiting(run: RunFolder, view: JobView) -> None:
    """After a run was asked to stop: cancels its job where it has not begun and has no other run to
    do. Otherwise the worker finds the request when its turn comes.
    """
    if view.state not in (JobState.WAITING, JobState.HELD) or _others(run, view):
        return
    _cluster(view).cancel(view.job.id, waiting_only=True)
    catalog.forget_looks()
    after = job.view(run)
    if after is None or after.state is not JobState.ENDED:
        return  # it began in between: its worker finds the request
    with locks.held(run.lock, TAKE_SECONDS) as mine:
        if mine and control.read(run) == "stop":
            control.clear(run)
            with EventWriter(run.events) as writer:
                writer.write(events.Stopped(reason="asked to stop while its job waited"))


def kill(run: RunFolder, current: RunStatus, view: JobView) -> None:
    """Ends the run's worker at once, wherever it runs. Raises InputError where none is at work."""
    if view.state is not JobState.RUNNING or not current.worker_lives:
        raise InputError(
            f"is {current.state}, so there is no worker to kill",
            where=run.id,
            remedy=f"hashbench stop {run.id}",
        )
    _cluster(view).kill(view.job.id)
    catalog.forget_looks()


def _others(run: RunFolder, view: JobView) -> list[RunFolder]:
    """The other runs that the same job has to do and that nobody has asked to stop."""
    found = []
    for other in find(run.path.parent):
        same = other.id != run.id and job.read(other)
        if same and same.id == view.job.id and same.on == view.job.on and _wanted(other):
            found.append(other)
    return found


def _wanted(run: RunFolder) -> bool:
    return control.read(run) != "stop" and status(run).job_lives


def _require_alone(run: RunFolder, view: JobView, action: str) -> None:
    if others := _others(run, view):
        raise InputError(
            f"waits in {view.name} with {len(others)} other runs, which would {action}, too",
            where=run.id,
            remedy=f"`hashbench stop {run.id}` takes this one out of it",
        )


def _cluster(view: JobView) -> Cluster:
    return catalog.cluster_named(view.job.on)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        folder.chmod(folder.parent.stat().st_mode & 0o777)
    except OSError as error:
        raise InputError(
            f"cannot be made: {error.strerror}",
            where=folder,
            remedy="another --runs-dir, or make this one writable",
        ) from None
