"""Which clusters there are, and what their schedulers say, asked once for everybody who looks."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hashbench.clusters.base import GONE, Cluster, JobState, JobStatus, SchedulerSilentError
from hashbench.errors import InputError, UnknownNameError

LOCAL = "local"
"""What `--on` calls this host."""

TITLES = {"slurm": "Slurm", "ray": "Ray"}
"""What `--on` calls each cluster, and what people do. For each there is a module of that name in
this package, with `cluster(address, options_file, per_job) -> Cluster`.
"""

NEEDS = {"slurm": "sbatch", "ray": "ray"}
"""The command that is there where a cluster can be used."""

LOOK_SECONDS = 5.0
"""An answer of a scheduler serves for so long."""

SILENT_SECONDS = 30.0
"""A scheduler that did not answer is asked again after so long."""


def check_name(on: str) -> None:
    """Raises UnknownNameError for what `--on` cannot mean; `NAME://ADDRESS` is possible, too."""
    name = on.partition("://")[0]
    if name not in (LOCAL, *TITLES):
        raise UnknownNameError("cluster", name, (LOCAL, *TITLES), where="--on")


def at_hand() -> list[str]:
    """The clusters whose commands are on this host, which is no promise that they answer."""
    # that of an environment that is not activated stands beside its Python
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    return [name for name, command in NEEDS.items() if shutil.which(command, path=places)]


def cluster_named(on: str, options_file: Path | None = None, per_job: int | None = None) -> Cluster:
    """The cluster that `--on NAME` or `--on NAME://ADDRESS` means, with the options of a file.
    `per_job`, if given, stands in place of that option.

    Raises InputError for an unknown name or options that are wrong.
    """
    name, _, address = on.partition("://")
    if name not in TITLES:
        raise UnknownNameError("cluster", name, TITLES, where="--on")
    module = importlib.import_module(f"hashbench.clusters.{name}")
    made: Cluster = module.cluster(address, options_file, per_job)
    return made


JUST_SUBMITTED = JobStatus(JobState.WAITING, reason="just submitted")


def title(on: str) -> str:
    """What people call the cluster that `on` means."""
    name = on.partition("://")[0]
    return TITLES.get(name, name)


@dataclass(frozen=True)
class Look:
    """What a scheduler said at `asked` (Unix time); `problem`: it did not answer."""

    asked: float = 0.0
    jobs: Mapping[str, JobStatus] = field(default_factory=dict)
    problem: str = ""

    def serves(self, now: float) -> bool:
        """Whether it is fresh enough."""
        return 0 <= now - self.asked < (SILENT_SECONDS if self.problem else LOOK_SECONDS)

    def of(self, job: str, submitted: float) -> JobStatus:
        """What was said of a job that was submitted then. One that is younger than the answer
        waits.
        """
        return self.jobs.get(job, GONE if submitted < self.asked else JUST_SUBMITTED)


_looks: dict[str, Look] = {}
_asking = threading.Lock()


def look(on: str, job: str, submitted: float) -> tuple[JobStatus | None, str]:
    """What the scheduler says of a job that was submitted then (Unix time, of this host); None and
    why where it does not answer. One question serves all jobs for some seconds.
    """
    with _asking:
        last = _looks.get(on)
        if last is None or not last.serves(time.time()):
            last = _looks[on] = _ask(on)
    return (None, last.problem) if last.problem else (last.of(job, submitted), "")


def forget_looks() -> None:
    """The next look asks anew: something was just done to a job."""
    with _asking:
        _looks.clear()


def _ask(on: str) -> Look:
    began = time.time()
    try:
        return Look(began, cluster_named(on).jobs())
    except (SchedulerSilentError, InputError) as error:
        return Look(began, problem=error.problem)
