"""The entries of the feature cache, as folders: listed and removed without loading anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hashbench.errors import BusyError, UnknownNameError
from hashbench.files import fence, locks

DESCRIPTION = "entry.json"
"""The file that is written last into an entry; a folder without it is none."""

_UNFINISHED = (".building", ".parts")

PROGRESS = "progress.json"
"""How far the extraction of an unfinished entry is."""


@dataclass(frozen=True)
class Entry:
    """An entry and its bytes; an unfinished one is being written, or a killed worker left it, or
    parts of it are missing yet."""

    name: str
    bytes: int
    finished: bool


def building_folder(root: Path, name: str) -> Path:
    """Where an entry lies while it is being written."""
    return root / f".{name}.building"


def parts_folder(root: Path, name: str) -> Path:
    """Where the parts of an entry lie until they are joined."""
    return root / f".{name}.parts"


def lock_file(root: Path, name: str) -> Path:
    """The lock of the worker that writes an entry."""
    return root / f".{name}.lock"


@contextmanager
def claimed(root: Path, name: str) -> Iterator[Path]:
    """The folder in which an entry is written, held by this process alone: it waits for others.

    What is written there later raises ClaimLostError where another process has taken it over.
    """
    building = building_folder(root, name)
    with locks.held(lock_file(root, name)) as lock:
        assert lock is not None  # noqa: S101  # it was waited for
        with fence.around(building, lock.check):
            yield building


def entries(root: Path) -> list[Entry]:
    """Every entry below `root`, by name."""
    if not root.is_dir():
        return []
    folders: dict[str, list[Path]] = {}
    for folder in filter(Path.is_dir, root.iterdir()):
        if (folder / DESCRIPTION).is_file() and not folder.name.startswith("."):
            folders.setdefault(folder.name, []).append(folder)
        elif folder.name.startswith(".") and folder.suffix in _UNFINISHED:
            folders.setdefault(folder.name[1:].removesuffix(folder.suffix), []).append(folder)
    return [
        Entry(name, sum(map(_bytes, some)), (root / name / DESCRIPTION).is_file())
        for name, some in sorted(folders.items())
    ]


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def remove(root: Path, names: list[str]) -> int:
    """Removes entries and returns the bytes freed; removes none if one is unknown.

    Raises UnknownNameError, and BusyError for one that a worker is writing.
    """
    sizes = {entry.name: entry.bytes for entry in entries(root)}
    for name in names:
        if name not in sizes:
            raise UnknownNameError("cache entry", name, sizes, where=root)
    for name in names:
        lock = lock_file(root, name)
        with locks.held(lock, 0) as acquired:
            if not acquired:
                remedy = "stop the run that does"
                raise BusyError("a worker is writing this entry", where=name, remedy=remedy)
            for folder in (root / name, building_folder(root, name), parts_folder(root, name)):
                shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
    return sum(sizes[name] for name in names)
