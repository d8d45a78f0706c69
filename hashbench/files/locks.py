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
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        yield _take(lock, path, seconds)
    finally:
        os.close(lock)


def _take(lock: int, path: Path, seconds: float | None) -> bool:
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NONE:
                raise StorageError(
                    "the disk has no file locks, without which two workers could take one run",
                    where=path.parent,
                    remedy="a folder on another disk, or mount this one with locks",
                ) from None
            if error.errno not in _BUSY:
                raise
        else:
            return True
        if until is not None and time.monotonic() >= until:
            return False
        time.sleep(POLL_SECONDS)
