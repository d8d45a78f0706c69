"""Summaries of the runs in a folder, kept in one file, so that a thousand runs are listed at once.

The index is derived: an entry counts only while the run's files have the sizes and times that they
had when it was made, and a file that is deleted or damaged is made anew.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hashbench import __version__
from hashbench.errors import DamagedFileError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.runs import layout, tags
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.runs.status import RunStatus, queue_positions, status
from hashbench.runs.tags import Tags

FILE = ".index"
VERSION = f"3 {__version__}"  # another version may say other things of the same run
MAX_BYTES = 1 << 28
ENDED = (Status.FINISHED, Status.FAILED, Status.STOPPED)
"""The states that follow from a run's files alone, so that they can be kept."""


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """What changes when a run's files do: those of `spec.toml` and `events.jsonl` may be written
    in place, all others are replaced, which changes the time of the folder. -1: no such file.
    """

    folder: int
    spec: int
    events: int
    size: int


class Summary(msgspec.Struct, frozen=True, array_like=True):
    """What lists show of a run. `spec` is None where it cannot be read, and `problem` says why."""

    spec: RunSpec | None
    tags: Tags
    status: RunStatus
    problem: str = ""


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    stamp: Stamp
    summary: Summary


class _Content(msgspec.Struct, frozen=True, array_like=True):
    version: str
    entries: dict[str, msgspec.Raw]  # decoded one by one, as they are asked for


class Index:
    """The index of a runs folder. One thread uses it; processes replace each other's whole file."""

    def __init__(self, runs_dir: Path) -> None:
        self._path = runs_dir / FILE
        self._encoded = _read(self._path)
        self._decoder = msgspec.msgpack.Decoder(_Entry)
        self._changed = False

    def get(self, run_id: str, stamp: Stamp) -> Summary | None:
        """The summary of a run that has ended and whose files are as they were."""
        encoded = self._encoded.get(run_id)
        if encoded is None:
            return None
        try:
            entry = self._decoder.decode(encoded)
        except (msgspec.DecodeError, RecursionError):
            return None
        return entry.summary if entry.stamp == stamp else None

    def put(self, run_id: str, stamp: Stamp, summary: Summary) -> None:
        """Keeps the summary of a run that has ended; any other forgets what was kept."""
        if summary.status.state in ENDED and not summary.problem:
            encoded = msgspec.msgpack.encode(_Entry(stamp, summary))
            self._encoded[run_id] = msgspec.Raw(encoded)
            self._changed = True

    def save(self, run_ids: set[str]) -> None:
        """Writes the entries of the runs that are there, if any was added."""
        if not self._changed:
            return
        self._changed = False
        kept = {run_id: self._encoded[run_id] for run_id in run_ids & self._encoded.keys()}
        content = msgspec.msgpack.encode(_Content(VERSION, kept))
        with contextlib.suppress(OSError):  # read-only or full: the next list takes longer, no more
            if self._path.exists() and not self._path.is_file():
                self._path.unlink()  # a pipe in the place of our own file
            write_bytes_atomically(self._path, content)


def _read(path: Path) -> dict[str, msgspec.Raw]:
    try:
        content = read_bounded(path, MAX_BYTES, "an index of runs")
        decoded = msgspec.msgpack.decode(content, type=_Content)
    except (OSError, DamagedFileError, msgspec.DecodeError, RecursionError):
        return {}
    return decoded.entries if decoded.version == VERSION else {}


def stamp_of(folder: str) -> Stamp:
    """The stamp of a run's folder now; of a string, since it is asked for very often."""
    events = _stat(f"{folder}/events.jsonl")
    spec = _stat(f"{folder}/spec.toml")
    return Stamp(_stat(folder).st_mtime_ns, spec.st_mtime_ns, events.st_mtime_ns, events.st_size)


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116  # a Path costs more than the call
    except OSError:
        return _ABSENT


_ABSENT = os.stat_result([-1] * 10, {"st_mtime_ns": -1})


def summarise(run: RunFolder, positions: Mapping[str, int] | None = None) -> Summary:
    """What lists show of a run, read from its files."""
    try:
        return describe(run, status(run, positions))
    except OSError as error:
        problem = f"events.jsonl cannot be read: {error.strerror}"
        return msgspec.structs.replace(describe(run, RunStatus(state=Status.LOST)), problem=problem)


def describe(run: RunFolder, current: RunStatus) -> Summary:
    """The summary of a run whose status is known."""
    spec, problem = None, ""
    try:
        spec = specs.read(run.spec)
    except DamagedFileError as error:
        problem = error.problem
    return Summary(spec, tags.read(run), current, problem)


def summaries(runs_dir: Path) -> list[tuple[RunFolder, Summary]]:
    """All runs of a folder with their summaries, oldest first, through the index."""
    index = Index(runs_dir)
    runs = layout.find(runs_dir)
    positions: Mapping[str, int] | None = None
    listed = []
    for run in runs:
        stamp = stamp_of(str(run.path))
        summary = index.get(run.id, stamp)
        if summary is None:
            if positions is None:
                positions = queue_positions(runs_dir)
            summary = summarise(run, positions)
            index.put(run.id, stamp, summary)
        listed.append((run, summary))
    index.save({run.id for run in runs})
    return listed
