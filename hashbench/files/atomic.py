"""Writing a file so that a reader sees all of it or none of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from hashbench.errors import InputError
from hashbench.files import fence

PART = ".part"
ABANDONED_SECONDS = 60.0  # a lock is taken a moment after the file is made, never so late


def write_atomically(
    path: Path, write: Callable[[IO[bytes]], object], *, make_folder: bool = True
) -> None:
    """Let `write` fill a temporary file beside `path`, sync it, and put it in the place of `path`.

    The folder is made if it is missing, unless `make_folder` is false: a run's folder that was
    moved must not come back. When `write` raises, nothing of it is left and what was at `path`
    before is untouched. What a killed writer of `path` left is removed. An OSError names `path`.
    Raises InputError for a device or a pipe, which a file would take the place of, and
    ClaimLostError behind a fence that this process may not pass any more (`files.fence`).
    """
    fence.check(path)  # before a folder is made in the place of one that was moved away
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError("is a device or a pipe", where=path, remedy="the name of a file")
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}{PART}")
    try:
        with temporary.open("xb") as stream:
            mark_in_use(stream.fileno())
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
            fence.check(path)  # the write may have taken long
            temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # a folder that has become read-only keeps it
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    _sync(path.parent)  # the rename itself must survive a power cut
    for left in _parts_of(path):
        if is_abandoned(left):
            left.unlink(missing_ok=True)


def write_bytes_atomically(path: Path, content: bytes, *, make_folder: bool = True) -> None:
    """Put `content` in the place of `path`, as `write_atomically` does."""
    write_atomically(path, lambda stream: stream.write(content), make_folder=make_folder)


def mark_in_use(opened: int) -> None:
    """Locks an open temporary file or folder until it is closed, so that nobody takes it for one
    that is abandoned; on a disk without locks nothing is ever taken for that.
    """
    with contextlib.suppress(OSError):
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_abandoned(path: Path) -> bool:
    """Whether the process that made a temporary file or folder, and locked it, is dead."""
    try:
        if time.time() - path.lstat().st_mtime < ABANDONED_SECONDS:
            return False
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(opened)


def _parts_of(path: Path) -> list[Path]:
    """The temporary files of all writers of a path; also in folders of many thousands, at once."""
    with os.scandir(path.parent) as entries:
        names = [entry.name for entry in entries]
    return [
        path.with_name(name)
        for name in names
        if name.startswith(f".{path.name}.") and name.endswith(PART)
    ]


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Removes what killed writers of the file `name`, or of all files, left in a folder; only for
    those who know that no other writes it.
    """
    for left in folder.glob(f".{name}.*{PART}"):
        left.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Sees to it that the files of a folder, once it is renamed, survive a power cut."""
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
