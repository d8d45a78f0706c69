"""Locks that end with the process that holds them, however it ends.

On disks whose file locks exclude everybody these are file locks (`flock`), which the operating
system releases. On network disks where they exclude the processes of one host alone
(`files.mounts`), they are leases (`files.leases`). The environment variable HASHBENCH_LOCKS, which
is `flock` or `lease`, decides otherwise; all processes that share a folder have to agree.
"""

from __future__ import annotations

import errno
import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hashbench.errors import ClaimLostError, InputError, StorageError
from hashbench.files import batons, leases, mounts

VARIABLE = "HASHBENCH_LOCKS"
POLL_SECONDS = 0.05
LEASE_POLL_SECONDS = 0.2  # each look is a question to a server
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
_NONE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class Lock(Protocol):
    """A lock that this process holds until it closes it or ends."""

    path: Path

    @property
    def handle(self) -> str:
        """What a child has to be told, so that it can take the lock over with `adopt`."""
        ...

    @property
    def files(self) -> tuple[int, ...]:
        """Open files that the child has to inherit for that."""
        ...

    def check(self) -> None:
        """Raises ClaimLostError unless it is certain that no other process has the lock: it may
        have lapsed, or its file is gone. Cheap enough to be asked before each write.
        """
        ...

    def note(self, content: bytes) -> None:
        """Writes into the lock file, for people. Raises OSError."""
        ...

    def hand_over(self, pid: int) -> None:
        """Leaves the lock to the child `pid`."""
        ...

    def close(self) -> None:
        """Gives the lock back."""
        ...


class FileLock:
    """A lock of the operating system, held as long as the file is open here or in a child."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file

    @property
    def handle(self) -> str:
        return str(self._file)

    @property
    def files(self) -> tuple[int, ...]:
        return (self._file,)

    def check(self) -> None:
        try:
            there = os.stat(self.path)  # noqa: PTH116  # it is asked before each event
        except OSError as error:
            if error.errno not in batons.GONE:
                return  # a disk that does not answer takes nothing away
        else:
            if os.path.samestat(there, os.fstat(self._file)):
                return
        raise ClaimLostError(
            "this process lost its lock: the folder was moved or removed, or the file replaced",
            where=self.path,
            remedy="another process may work here by now; this one writes nothing more",
        )

    def note(self, content: bytes) -> None:
        batons.write_note(self.path, content)

    def hand_over(self, pid: int) -> None:
        del pid  # it has inherited the file
        self.close()

    def close(self) -> None:
        os.close(self._file)


@contextmanager
def held(path: Path, seconds: float | None = None) -> Iterator[Lock | None]:
    """Holds the lock file at `path`; None where another process holds it for all of `seconds`
    (forever, without them). A lease whose holder shows no life is waited for until it has lapsed.

    Raises StorageError where the disk has no locks: a file whose mere existence locks would stay
    behind a killed process. Raises OSError where the file cannot be opened.
    """
    lock = _wait(path, seconds)
    try:
        yield lock
    finally:
        if lock is not None:
            lock.close()


def _wait(path: Path, seconds: float | None) -> Lock | None:
    began = time.monotonic()
    while (lock := take(path)) is None:
        if seconds is not None and (late := time.monotonic() - began - seconds) >= 0:
            claim = batons.look(path)
            if claim is None or leases.shows_life(path, claim) or late > 2 * claim.seconds:
                return None
        pause = LEASE_POLL_SECONDS if batons.exists(path) else POLL_SECONDS
        time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # so that many do not march in step
    return lock


def is_held(path: Path) -> bool:
    """Whether a process holds the lock; no file, no lock. A lease counts while its holder shows
    life. Raises as `held` does.
    """
    if not path.is_file():
        return False
    if batons.exists(path):
        claim = batons.look(path)
        if claim is not None:
            return leases.shows_life(path, claim)
    file = _open(path)
    try:
        return not _flock(file, path)
    finally:
        os.close(file)


def take(path: Path) -> Lock | None:
    """The lock, until it is closed or given to a child; None where another process holds it.

    Raises as `held` does.
    """
    file = _open(path)
    taken: Lock | None = None
    try:
        if not _flock(file, path):
            return None
        opened = os.fstat(file)
        if not opened.st_nlink:  # who held it before has removed the file: that lock locks nothing
            return None
        if _by_lease(path, opened.st_dev) or batons.exists(path):
            # the file stays locked while the claim is made, for processes here that know no leases
            return leases.take(path)
        taken = FileLock(path, file)
        return taken
    finally:
        if taken is None:
            os.close(file)


def adopt(path: Path, handle: str) -> Lock | None:
    """The lock that the process which started this one handed over; None if it is lost."""
    if handle.startswith(leases.HANDLE):
        return leases.adopt(path, handle)
    return FileLock(path, int(handle)) if handle.isdecimal() else None


def _by_lease(path: Path, device: int) -> bool:
    """Whether file locks do not exclude other hosts on the disk of a file."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        if chosen not in ("flock", "lease"):
            raise InputError(f"{chosen!r} is neither flock nor lease", where=VARIABLE)
        return chosen == "lease"
    mount = mounts.of_device(device, path)
    return mount is not None and not mount.locks_exclude_hosts


def _flock(file: int, path: Path) -> bool:
    """Locks an open file if no other process has it locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        if error.errno not in _NONE:
            raise
        if _by_lease(path, os.fstat(file).st_dev):
            return True  # it would not have counted either
        raise StorageError(
            "the disk has no file locks, without which two workers could take one run",
            where=path.parent,
            remedy=f"a folder on another disk, mount this one with locks, or set {VARIABLE}=lease "
            "for all who use it",
        ) from None
    return True


def _open(path: Path) -> int:
    """Opens, or makes, a file to lock. Another user's can be locked as well, though not written;
    over a network, only what can be written can be locked.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
