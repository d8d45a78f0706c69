"""The job of a scheduler that works at a run: `job.json` in its folder. A run without one is worked
at by processes that somebody started on a host.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from dataclasses import dataclass

import msgspec

from hashbench.clusters import catalog
from hashbench.clusters.base import MARKER, JobState
from hashbench.errors import DamagedFileError, InputError
from hashbench.files import locks
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.runs.layout import RunFolder

FILE = "job.json"
MAX_BYTES = 1 << 16


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`on` is what `--on` said, `id` the scheduler's name of the job, `submitted` Unix time, `user`
    who did, `after` the number of the run's last event before that, `data_dir` where its data was.
    `options` (the file, if any) and `per_job` (0: as in the file) are what it was submitted with;
    `hashbench resume` takes them again. `kept` is the folder with its script and output.
    """

    on: str
    id: str
    submitted: float
    after: int = -1
    user: str = ""
    data_dir: str = ""
    options: str = ""
    per_job: int = 0
    kept: str = ""


@dataclass(frozen=True)
class JobView:
    """A job as its scheduler sees it. `state` is None where it does not answer, and `reason` says
    why; else `reason` says why the job waits, where it runs, or how it ended.
    """

    job: Job
    title: str
    state: JobState | None
    reason: str = ""

    @property
    def over(self) -> bool:
        """Whether the job is through with the run."""
        return self.state is JobState.ENDED

    @property
    def waits(self) -> bool:
        """Whether the job has not begun, or nobody knows."""
        return self.state in (JobState.WAITING, JobState.HELD, None)

    @property
    def mine(self) -> bool:
        """Whether this user submitted it: a scheduler may hide the jobs of others."""
        return self.job.user in ("", this_user())

    @property
    def name(self) -> str:
        """Such as `Slurm job 12_3`."""
        return f"{self.title} job {self.job.id}"


def read(run: RunFolder) -> Job | None:
    """The job that last took the run, if any; a file that is damaged counts as none."""
    with contextlib.suppress(OSError, DamagedFileError, msgspec.DecodeError, RecursionError):
        content = read_bounded(run.path / FILE, MAX_BYTES, "the job of a run")
        return msgspec.json.decode(content, type=Job)
    return None


def write(run: RunFolder, job: Job) -> None:
    """Keeps the job with the run. Raises InputError where the folder cannot be written."""
    path = run.path / FILE
    try:
        write_bytes_atomically(path, msgspec.json.encode(job) + b"\n")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=path) from None


def forget(run: RunFolder) -> None:
    """The run goes on without a job."""
    for name in (FILE, MARKER):
        (run.path / name).unlink(missing_ok=True)


def is_answered(run: RunFolder) -> bool:
    """Whether the scheduler of the run's job answers."""
    seen = view(run)
    return seen is None or seen.state is not None


def this_user() -> str:
    """The name of the user, empty where there is none."""
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return ""


def view(run: RunFolder, job: Job | None = None) -> JobView | None:
    """The run's job and what its scheduler says of it; None for a run without one. `job`: where it
    was read already.
    """
    job = job or read(run)
    if job is None:
        return None
    title = catalog.title(job.on)
    code = _exit_code(run, job)
    if code is not None:
        return JobView(job, title, JobState.ENDED, f"its worker ended with exit code {code}")
    said, problem = catalog.look(job.on, job.id, job.submitted)
    if said is None:
        return JobView(job, title, None, problem)
    return JobView(job, title, said.state, said.place or said.reason or said.word)


def _exit_code(run: RunFolder, job: Job) -> int | None:
    """The exit code of the run's worker where its job, which may live on, is through with it. The
    word of a script that was left behind does not count while a worker holds the run.
    """
    with contextlib.suppress(OSError, DamagedFileError, ValueError):
        name, code = read_bounded(run.path / MARKER, 256, "an exit code").split()
        through = name == job.id.encode() and not locks.is_held(run.lock)
        return int(code) if through else None
    return None
