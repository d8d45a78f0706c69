"""The face that every scheduler has here. It knows folders, jobs and their states; what a run is,
and what a job's state means for it, `hashbench.runs.status` knows.

A worker is started on the cluster by the command of `worker_command`. It ends with exit code 0 when
its run has ended or was stopped by a person, with `EXIT_AGAIN` when the scheduler ended it and its
state is saved, and with `EXIT_BUSY` when an earlier worker of the same run did not let go of it in
time; after these two the scheduler shall start the same command again, later. Every other code is a
failure, whose reason is in the run's events and log.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from hashbench.errors import BusyError, HashbenchError

EXIT_AGAIN = 75
"""EX_TEMPFAIL: the scheduler ended the job, the run is saved and goes on when it starts again."""

EXIT_BUSY = BusyError.exit_code
"""Another worker holds the run, so that this one wrote nothing."""

MARKER = "job.exit"
"""A file that the job writes into a run's folder when it is through with the run, with the job's id
and the worker's exit code: `12_3 137`. A job of several runs may live on after that.
"""


class JobState(StrEnum):
    """What a scheduler may say of a job that it was asked about."""

    WAITING = "waiting"
    HELD = "held"  # waits until a person releases it
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class JobStatus:
    """`word` is the scheduler's own name of the state. `reason` says why a job waits or how it
    ended, in the scheduler's words, and `place` where it runs; all may be empty.
    """

    state: JobState
    word: str = ""
    reason: str = ""
    place: str = ""


GONE = JobStatus(JobState.ENDED)
"""The status of a job that its scheduler does not know (any more)."""


@dataclass(frozen=True)
class Submission:
    """What shall run. `runs`: run folders, absolute, of one runs folder. `folder`: an empty folder
    in it that keeps what was submitted (script, list of runs) and the jobs' output.
    """

    runs: Sequence[Path]
    data_dir: Path
    folder: Path


class SchedulerSilentError(HashbenchError):
    """A scheduler did not answer, so that nobody knows what its jobs do."""


class Cluster(ABC):
    """One scheduler with the user's options for it.

    Whatever asks the scheduler is bounded by a timeout, and raises SchedulerSilentError when it
    does not answer, InputError when it refuses, each with the scheduler's own words.
    """

    name: ClassVar[str]
    """What `--on` calls it."""

    title: ClassVar[str]
    """What people call it."""

    @property
    @abstractmethod
    def options_file(self) -> Path | None:
        """The TOML file that the options came from, if any."""

    @abstractmethod
    def submit(self, submission: Submission) -> Iterator[tuple[Path, str]]:
        """Submits the runs; yields each with the id of its job, as soon as that is known.

        Nothing has to stay alive where this is called. Several runs may have one job, which does
        them one after another.
        """

    @abstractmethod
    def jobs(self) -> Mapping[str, JobStatus]:
        """Every job of hashbench that the scheduler knows, by id, in one question. One that is not
        in the answer has ended.
        """

    @abstractmethod
    def cancel(self, job: str, *, waiting_only: bool = False) -> None:
        """Ends a job: its workers get SIGTERM, save and leave. `waiting_only`: one that has begun
        to run is left alone. A job that has ended is no error.
        """

    @abstractmethod
    def kill(self, job: str) -> None:
        """Ends the worker that the job runs now, at once and without saving; a job of several runs
        goes on with the next.
        """

    @abstractmethod
    def hold(self, job: str) -> None:
        """Keeps a waiting job from starting."""

    @abstractmethod
    def release(self, job: str) -> None:
        """Lets a job that is held wait for its turn again."""


def worker_command(
    python: str, run: str, data_dir: str, job: str, wait_seconds: float
) -> list[str]:
    """The words that start a run's worker inside a job. `run` and `job` may be variables of a
    shell. The worker waits up to `wait_seconds` for a predecessor to let go of the run.
    """
    words = [python, "-m", "hashbench.engine", run, "--data-dir", data_dir]
    return [*words, "--job", job, "--wait-for-claim", f"{wait_seconds:g}"]
