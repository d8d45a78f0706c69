"""Locks that the operating system releases when a process dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hashbench.errors import StorageError

POLL_SECONDS = 0.05
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
_NONE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def held(path: Path, seconds: float | None = None) -> Iterator[bool]:
    """Holds the lock file at `path`; False where another process holds it for all of `seconds`
    (forever, without them).

    Raises StorageError where the disk has no locks: a file whose mere existence locks would stay
    behind a killed process. Raises OSError where the file cannot be opened.
    """
    until = None if seconds is None else time.monotonic() + seconds
    while (lock := take(path)) is None and (until is None or time.monotonic() < until):
        time.sleep(POLL_SECONDS)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock; no file, no lock. Raises as `held` does."""
    if not path.is_file():
        return False
    lock = take(path)
    if lock is not None:
        os.close(lock)
    return lock is None


def take(path: Path) -> int | None:
    """An open file that holds the lock until it is closed, also by a process that inherits it;
    None where another process holds it. Raises as `held` does.
    """
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink:
            return lock
        os.close(lock)  # who held it before has removed the file: that lock locks nothing
    except OSError as error:
        os.close(lock)
        if error.errno in _NONE:
            raise StorageError(
                "the disk has no file locks, without which two workers could take one run",
                where=path.parent,
                remedy="a folder on another disk, or mount this one with locks",
            ) from None
        if error.errno not in _BUSY:
            raise
    return None


def _open(path: Path) -> int:
    """Opens, or makes, a file to lock. Another user's can be locked as well, though not written;
    over a network, only what can be written can be locked.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
