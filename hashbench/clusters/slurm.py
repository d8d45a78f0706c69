"""Slurm by its own commands: `sbatch`, `squeue`, `scancel`, `scontrol`, versions 20 to 24."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ClassVar

from hashbench.clusters import slurm_options
from hashbench.clusters.base import (
    Cluster,
    JobState,
    JobStatus,
    SchedulerSilentError,
    Submission,
)
from hashbench.clusters.slurm_options import SlurmOptions
from hashbench.clusters.slurm_script import JOB_NAME, script
from hashbench.errors import InputError
from hashbench.files.atomic import write_bytes_atomically

ASK_SECONDS = 10.0
SUBMIT_SECONDS = 60.0
ARRAY_JOBS = 1000
"""Jobs of one array; clusters have MaxArraySize=1001 unless they say otherwise."""

FORMAT = "%i|%T|%N|%r"  # the reason last: it alone may hold the separator

_WAITING = ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT")
_RUNNING = (
    "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT",
    "RESIZING",
)  # fmt: skip
_HELD = ("JobHeldUser", "JobHeldAdmin")
_GONE = ("Invalid job id specified", "already completing or completed", "Job has already finished")
_SILENT = ("Unable to contact", "Could not establish a configuration source", "Socket timed out",
           "Connection refused", "Zero Bytes were transmitted")  # fmt: skip
_NOT_HANDED_ON = (
    # of a job in which hashbench itself runs: the new job would take them for its own
    "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT",
    # they win over the lines of a script, and the script relies on these lines
    "SBATCH_ARRAY_INX", "SBATCH_ERROR", "SBATCH_JOB_NAME", "SBATCH_NO_REQUEUE", "SBATCH_OPEN_MODE",
    "SBATCH_OUTPUT", "SBATCH_REQUEUE", "SBATCH_SIGNAL", "SBATCH_WAIT",
)  # fmt: skip


@dataclass(frozen=True)
class Slurm(Cluster):
    """The Slurm that the commands of this host talk to."""

    name: ClassVar[str] = "slurm"
    title: ClassVar[str] = "Slurm"

    options: SlurmOptions
    file: Path | None = None

    @property
    def options_file(self) -> Path | None:
        """See `Cluster`."""
        return self.file

    def submit(self, submission: Submission) -> Iterator[tuple[Path, str]]:
        """One array of jobs, or one job; several where there are more jobs than an array takes."""
        most = ARRAY_JOBS * self.options.per_job
        for number in count():
            runs = submission.runs[number * most : (number + 1) * most]
            if not runs:
                return
            yield from self._submit(submission, runs, f"-{number + 1}" if number else "")

    def _submit(
        self, submission: Submission, runs: Sequence[Path], suffix: str
    ) -> Iterator[tuple[Path, str]]:
        folder = submission.folder
        listed, job_script = folder / f"runs{suffix}.txt", folder / f"job{suffix}.sh"
        text = script(
            self.options,
            len(runs),
            runs[0].parent,
            submission.data_dir,
            listed,
            python=sys.executable,
            cwd=Path.cwd(),
            environment=os.environ,
        )
        write_bytes_atomically(listed, "".join(f"{run.name}\n" for run in runs).encode())
        write_bytes_atomically(job_script, text)
        several = len(runs) > self.options.per_job
        words = ("--parsable", f"--output={_output(folder, several=several)}", job_script.name)
        answer = _call("sbatch", *words, cwd=folder, seconds=SUBMIT_SECONDS)
        if answer.returncode:
            raise InputError(
                f"Slurm refuses the job: {_words(answer.stderr)}",
                where=job_script,
                remedy=f"mend {self.file or 'the options in slurm.toml'}: `hashbench guide "
                "clusters` shows every key",
            )
        job = answer.stdout.strip().partition(";")[0]
        if not job.isdecimal():
            raise InputError(f"sbatch answered {answer.stdout[:80]!r}, which is no job", where=job)
        for place, run in enumerate(runs):
            yield run, f"{job}_{place // self.options.per_job}" if several else job

    def jobs(self) -> Mapping[str, JobStatus]:
        """See `Cluster`; those that ended some minutes ago are in it with how they ended."""
        answer = _call(
            "squeue", "--noheader", "--array", "--states=all", f"--name={JOB_NAME}",
            f"--format={FORMAT}",
        )  # fmt: skip
        if answer.returncode:
            raise SchedulerSilentError(f"squeue failed: {_words(answer.stderr)}")
        return parse_squeue(answer.stdout)

    def cancel(self, job: str, *, waiting_only: bool = False) -> None:
        """See `Cluster`."""
        _order("scancel", *(["--state=PENDING"] if waiting_only else []), job)

    def kill(self, job: str) -> None:
        """Asks the job's script, which kills the worker that it runs."""
        _order("scancel", "--batch", "--signal=USR2", job)

    def hold(self, job: str) -> None:
        """See `Cluster`."""
        _order("scontrol", "hold", job)

    def release(self, job: str) -> None:
        """See `Cluster`."""
        _order("scontrol", "release", job)


def cluster(address: str, options_file: Path | None, per_job: int | None) -> Slurm:
    """Slurm with the options of a file. Raises InputError for an address or wrong options."""
    if address:
        raise InputError(
            "Slurm has no address: its commands know their cluster",
            where=f"--on slurm://{address}",
            remedy="--on slurm",
        )
    return Slurm(slurm_options.read(options_file, per_job), options_file)


def _output(folder: Path, *, several: bool) -> str:
    """The pattern of the names of the jobs' output, whatever characters the folder's name has."""
    path = os.fspath(folder)
    if "\\" in path:
        return os.devnull  # Slurm fills in no pattern that holds a backslash
    return f"{path.replace('%', '%%')}/{'%A_%a' if several else '%j'}.log"


def parse_squeue(text: str) -> dict[str, JobStatus]:
    """Job id -> status, from the lines of `squeue --format` as FORMAT has them; other lines, such
    as warnings, are left out.
    """
    jobs = {}
    for line in text.splitlines():
        job, *fields = (field.strip() for field in line.split("|", 3))
        if len(fields) == 3 and job[:1].isdecimal():
            jobs[job] = _status(*fields)
    return jobs


def _status(word: str, place: str, reason: str) -> JobStatus:
    reason = "" if reason in ("None", "(null)") else reason
    if word in _RUNNING:
        return JobStatus(JobState.RUNNING, word, place=place)
    if word not in _WAITING:
        return JobStatus(JobState.ENDED, word, word if not reason else f"{word}, {reason}")
    held = reason in _HELD
    return JobStatus(JobState.HELD if held else JobState.WAITING, word, reason)


def _order(program: str, *words: str) -> None:
    """Runs a command that changes a job; one that has ended needs no change."""
    answer = _call(program, *words)
    if answer.returncode and not any(sign in answer.stderr for sign in _GONE):
        raise InputError(_words(answer.stderr), where=" ".join((program, *words)))


def _call(
    program: str, *words: str, cwd: Path | None = None, seconds: float = ASK_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Runs a command of Slurm. Raises SchedulerSilentError where there is no answer, InputError
    where there is no such command.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON}
    try:
        answer = subprocess.run(
            [program, *words],
            cwd=cwd,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except FileNotFoundError:
        raise InputError(
            f"there is no command {program} on this host",
            where="Slurm",
            remedy="log in where Slurm's commands are",
        ) from None
    except subprocess.TimeoutExpired:
        raise SchedulerSilentError(
            f"{program} did not answer within {seconds:g} seconds",
            where="Slurm",
            remedy="`sinfo` shows whether the cluster is well; try again later",
        ) from None
    if answer.returncode and any(sign in answer.stderr for sign in _SILENT):
        raise SchedulerSilentError(
            f"{program}: {_words(answer.stderr)}",
            where="Slurm",
            remedy="`sinfo` shows whether the cluster is well; try again later",
        )
    return answer


def _words(text: str) -> str:
    """The last line of a message, which says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"
