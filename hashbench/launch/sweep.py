"""A sweep against the runs in the folder: finished, running, to be resumed, missing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hashbench.errors import DamagedFileError
from hashbench.files import locks
from hashbench.launch import spawn
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.runs import layout, queue
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import status


@dataclass(frozen=True)
class Wanted:
    """One run of a sweep. Without a folder it is missing; `worked_at`: a worker lives."""

    spec: RunSpec
    folder: RunFolder | None = None
    status: Status | None = None
    worked_at: bool = False

    @property
    def due(self) -> bool:
        """Whether something is left to start: it is missing, failed, or was interrupted."""
        return self.status is not Status.FINISHED and not self.worked_at


def survey(wanted: Sequence[RunSpec], runs_dir: Path) -> list[Wanted]:
    """Finds the run of each spec by its hash; of several the one that is furthest."""
    hashes = {spec.hash for spec in wanted}
    by_hash: dict[str, Wanted] = {}
    for folder in layout.find(runs_dir):
        try:
            spec = specs.read(folder.spec)
        except DamagedFileError:
            continue  # `hashbench ls` shows the problem; it is no run of this sweep
        if spec.hash not in hashes:
            continue
        current = status(folder)
        one = Wanted(spec, folder, current.state, spawn.has_worker(folder, current))
        if spec.hash not in by_hash or _rank(one) > _rank(by_hash[spec.hash]):
            by_hash[spec.hash] = one
    return [by_hash.get(spec.hash, Wanted(spec)) for spec in wanted]


def _rank(one: Wanted) -> int:
    return 2 if one.status is Status.FINISHED else int(one.worked_at)


def create_missing(surveyed: Sequence[Wanted], runs_dir: Path) -> list[RunFolder]:
    """Folders of all that is due, those that are missing made now, in the sweep's order."""
    now = datetime.datetime.now().astimezone()
    return [one.folder or layout.create(runs_dir, one.spec, now) for one in surveyed if one.due]


@contextmanager
def alone(runs_dir: Path) -> Iterator[None]:
    """Only one sweep at a time looks at a runs folder and makes runs, so that none is made twice.

    Raises InputError where the folder cannot be written.
    """
    line = queue.of(runs_dir)
    line.make()
    with locks.held(line.folder.parent / "sweep.lock"):
        yield
