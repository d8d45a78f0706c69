"""What people may say of their Slurm, in `slurm.toml`."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from hashbench.clusters.options import read_options
from hashbench.errors import InputError

_TIME = re.compile(r"\d+(:\d+){0,2}|\d+-\d+(:\d+){0,2}")
_OPTION = re.compile(r"-{1,2}[A-Za-z][\w-]*")
OURS = {
    "--array": "max_jobs", "-a": "max_jobs",
    "--signal": "save_seconds",
    "--time": "time", "-t": "time",
    "--job-name": None, "-J": None,
    "--output": None, "-o": None, "--error": None, "-e": None, "--open-mode": None,
    "--requeue": "max_requeues", "--no-requeue": "max_requeues",
    "--chdir": None, "-D": None,
    "--wrap": None, "--wait": None, "-W": None, "--parsable": None, "--test-only": None,
}  # fmt: skip
"""Options of sbatch that hashbench sets itself, and the key that steers them, if any."""


class SlurmOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`partition`, `gres`, `account`, `time`: as for sbatch; empty: the cluster's own default.
    `max_jobs`: jobs of one submission that run at once, 0: all. `per_job`: runs that one job does,
    one after another. `sbatch`: further options, each as behind `#SBATCH`. `setup`: lines of bash
    before the first run, such as `module load cuda`. `python`: the interpreter on the nodes, empty:
    this one. `save_seconds`: how long before its time limit a run saves. `wait_seconds`: how long a
    worker waits for an earlier one of the same run that still lives. `max_requeues`: how often a
    job may go back into the queue, so that a run that makes no progress ends some time.
    """

    partition: str = ""
    gres: str = ""
    time: str = ""
    account: str = ""
    max_jobs: int = 0
    per_job: int = 1
    sbatch: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    python: str = ""
    save_seconds: int = 120
    wait_seconds: int = 120
    max_requeues: int = 50


def read(path: Path | None, per_job: int | None = None) -> SlurmOptions:
    """The options of a file; `per_job`, if given, stands in place of the file's.

    Raises what `read_options` does, and InputError for a value that is not possible.
    """
    options = read_options(path, SlurmOptions)
    if per_job is not None:
        _check_number("--per-job", per_job, 1)
        options = msgspec.structs.replace(options, per_job=per_job)
    where = path or "slurm.toml"
    for key, least in (
        ("max_jobs", 0), ("per_job", 1), ("save_seconds", 1), ("wait_seconds", 0),
        ("max_requeues", 0),
    ):  # fmt: skip
        _check_number(f"{where}: {key}", getattr(options, key), least)
    for key in ("partition", "gres", "time", "account"):
        _check_word(f"{where}: {key}", getattr(options, key))
    if options.time and not _TIME.fullmatch(options.time):
        raise InputError(
            f"{options.time!r} is no time limit of Slurm",
            where=f"{where}: time",
            remedy='such as "90" (minutes), "4:00:00" or "1-12:00:00" (days)',
        )
    for line in options.sbatch:
        _check_line(f"{where}: sbatch", line)
    return options


def _check_number(where: str, value: int, least: int) -> None:
    if not least <= value <= 10**6:
        raise InputError(f"{value} is out of range", where=where, remedy=f"{least} or more")


def _check_word(where: str, value: str) -> None:
    if not (value + "x").isprintable() or any(c in " \"'\\#" for c in value):
        raise InputError(
            f"{value!r} holds spaces, quotes or # signs, which no name in Slurm has", where=where
        )


def _check_line(where: str, line: str) -> None:
    """A line that would undo what hashbench relies on is refused, with the key to use instead."""
    option = _OPTION.match(line)
    if option is None or not line.isprintable():
        raise InputError(
            f"{line!r} is no option of sbatch",
            where=where,
            remedy='as behind #SBATCH, such as "--mem=16G"',
        )
    name = option.group()
    # a short option may hold its value: -t10
    key = next((one for one in (name, name[:2]) if one in OURS and (one == name or name[1] != "-")),
               None)  # fmt: skip
    if key is not None:
        steer = OURS[key]
        raise InputError(
            f"{key} is set by hashbench itself",
            where=where,
            remedy=f"the key {steer} steers it" if steer else "leave it out",
        )
