"""Deleted runs, which can be had back for a while: whole folders below `.trash` in the runs folder.

A run is moved there and back by one rename, so that a crash loses nothing and no reader ever sees
half of a run. The entry's name holds when it was deleted; runs that were deleted together share it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hashbench.errors import InputError
from hashbench.runs.layout import RunFolder

FOLDER = ".trash"
KEPT_MINUTES = 60
VARIABLE = "HASHBENCH_TRASH_MINUTES"

_ENTRY = re.compile(r"(\d{15})~(.+)")
_GOING = ".emptied-"


@dataclass(frozen=True)
class Deleted:
    """A run in the trash: `at` is when it was deleted, in milliseconds since 1970."""

    path: Path
    run_id: str
    at: int

    @property
    def minutes_left(self) -> float:
        """Minutes until it may be removed for good."""
        return kept_minutes() - (time.time() - self.at / 1000) / 60

    def bytes(self) -> int:
        """What it takes on the disk; links are not followed."""
        total = 0
        for folder, _, files in os.walk(self.path):
            for name in files:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118
        return total


def kept_minutes() -> float:
    """How long deleted runs are kept: HASHBENCH_TRASH_MINUTES, or an hour. Raises InputError."""
    text = os.environ.get(VARIABLE, "")
    try:
        minutes = float(text) if text else float(KEPT_MINUTES)
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes <= 1e6:
        raise InputError(
            f"{text!r} is no number of minutes", where=VARIABLE, remedy="0 to 1000000, such as 60"
        )
    return minutes


def moment() -> int:
    """The time that runs which are deleted together share."""
    return time.time_ns() // 1_000_000


def put(run: RunFolder, at: int) -> Deleted:
    """Moves a run's folder to the trash. Raises OSError, InputError where the trash is no folder of
    the runs folder's own.
    """
    trash = run.path.parent / FOLDER
    if trash.is_symlink():
        raise InputError("is a link, so deleted runs cannot be kept in it", where=trash)
    if not trash.is_dir():
        trash.mkdir(exist_ok=True)
        trash.chmod(run.path.parent.stat().st_mode & 0o777)  # whoever deletes runs there may here
    entry = Deleted(trash / f"{at:015d}~{run.id}", run.id, at)
    run.path.rename(entry.path)
    return entry


def entries(runs_dir: Path) -> list[Deleted]:
    """What is in the trash, the oldest first."""
    trash = runs_dir / FOLDER
    if trash.is_symlink():
        return []
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(trash) as scanned:
        for one in scanned:
            match = _ENTRY.fullmatch(one.name)
            if match is not None and one.is_dir(follow_symlinks=False):
                found.append(Deleted(trash / one.name, match[2], int(match[1])))
    return sorted(found, key=lambda entry: (entry.at, entry.run_id))


def newest(deleted: Sequence[Deleted]) -> list[Deleted]:
    """Those that were deleted last, together."""
    return [entry for entry in deleted if entry.at == deleted[-1].at]


def restore(entry: Deleted) -> RunFolder:
    """Moves a run back to where it was. Raises InputError where a run of its name is there again,
    or it was removed meanwhile.
    """
    run = RunFolder(entry.path.parent.parent / entry.run_id)
    if run.path.exists():
        raise InputError(
            "is there again", where=run.path, remedy="rename that folder, then undo once more"
        )
    try:
        entry.path.rename(run.path)
    except FileNotFoundError:
        raise InputError("is no longer in the trash", where=entry.run_id) from None
    except OSError as error:
        raise InputError(f"cannot be moved back: {error.strerror}", where=entry.path) from None
    return run


def empty(runs_dir: Path, *, all_: bool = False) -> list[Deleted]:
    """Removes for good what was kept long enough, or all; returns what was removed."""
    due = [entry for entry in entries(runs_dir) if all_ or entry.minutes_left <= 0]
    return discard(runs_dir, due)


def discard(runs_dir: Path, deleted: Sequence[Deleted]) -> list[Deleted]:
    """Removes entries for good; returns those that were there.

    What another process removes or restores at the same time is left to it; what cannot be removed
    is tried again the next time.
    """
    gone = []
    for entry in deleted:
        # renamed first, so that nobody gets half of it back
        with contextlib.suppress(OSError):
            entry.path.rename(entry.path.with_name(f"{_GOING}{secrets.token_hex(4)}"))
            gone.append(entry)
    trash = runs_dir / FOLDER
    if not trash.is_symlink():
        for doomed in trash.glob(f"{_GOING}*"):  # and what a crash left of the last time
            shutil.rmtree(doomed, ignore_errors=True)
        with contextlib.suppress(OSError):
            trash.rmdir()  # only where it is empty
    return gone
