"""The files of a claim on a network disk, and the renames that decide who has it.

The claim on a lock file `X` is a folder `X.claim` that holds one file, the baton, whose name is the
random token of the holder; beside it lies the holder's beat, `TOKEN.beat`: a count that rises with
each renewal, then who the holder is. All that decides is one rename on the server:

- to claim what is free, a folder with one's own baton and beat, made elsewhere, is renamed to
  `X.claim`, which succeeds only where no such folder, or an empty one, is;
- to take over, the baton of that very holder is renamed to one's own token. Of many who try, one
  finds it; who decided long ago finds the baton of a later holder, whose name is another, and
  takes nothing.

Over NFS names may be answered from a cache for a minute, but a file that is opened is asked for at
the server. So what a holder or an observer believes rests on opening the beat, whose name is never
used twice, and which who takes over removes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hashbench.errors import StorageError
from hashbench.files import disk_clock, process_marks

LEASE_SECONDS = 60.0  # how long a claim counts that is not renewed
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 600.0  # of a lease, whatever a damaged beat states
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)

TOKEN = re.compile(r"[0-9a-f]{16}")
_BEAT = ".beat"
_BEAT_BYTES = 4096
_HOLDER_BYTES = 512  # as long for each, so that one can be written over another
_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EBUSY)
"""What a rename onto a folder that is there fails with; sshfs says EPERM, whatever went wrong."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a claim, for people, and for processes of the same host."""

    host: str = ""
    pid: int = 0
    mark: str = ""
    pid_space: str = ""
    lease: float = 0.0

    def has_ended_here(self) -> bool:
        """Whether it certainly was a process of this host, and is none any more."""
        here = self.pid_space != "" and self.pid_space == process_marks.pid_space()
        return here and process_marks.has_ended(self.pid, self.mark)


@dataclass(frozen=True)
class Claim:
    """A claim as it was found: the beat is empty where none could be read.

    `looked` is the observer's monotonic clock before, `changed` the disk's time of the last
    renewal.
    """

    token: str
    beat: bytes
    changed: float
    looked: float

    @property
    def holder(self) -> Holder:
        """Who holds it, as far as the beat says."""
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(self.beat.partition(b"\n")[2], type=Holder)
        return Holder()

    @property
    def seconds(self) -> float:
        """How long it stays without being renewed."""
        return min(max(self.holder.lease or LEASE_SECONDS, SHORTEST_SECONDS), LONGEST_SECONDS)


def folder_of(path: Path) -> str:
    """The folder of the claim on a lock file."""
    return f"{path}.claim"


def exists(path: Path) -> bool:
    """Whether there is a claim, or what is left of one. As cheap as can be."""
    return os.path.lexists(folder_of(path))


def look(path: Path) -> Claim | None:
    """The claim on a lock file; None where it is free.

    Raises OSError, and StorageError where something else is in the place of claims.
    """
    looked = time.monotonic()
    folder = folder_of(path)
    try:
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            raise StorageError("is no claim", where=folder, remedy="remove it")
        tokens = [name for name in os.listdir(folder) if TOKEN.fullmatch(name)]  # noqa: PTH208
        if not tokens:
            return None
        changed = found.st_mtime
    except OSError as error:
        if error.errno not in GONE:
            raise
        return None
    beat = b""
    try:
        file = os.open(f"{folder}/{tokens[0]}{_BEAT}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            beat, changed = os.read(file, _BEAT_BYTES), os.fstat(file).st_mtime
        finally:
            os.close(file)
    except OSError as error:
        if error.errno not in GONE:
            raise
    return Claim(tokens[0], beat, changed, looked)


def install(path: Path, token: str) -> bool:
    """Claims what is free. False where it is not, or not any more."""
    folder = folder_of(path)
    made = f"{folder}.{token}.new"
    os.mkdir(made)  # noqa: PTH102
    try:
        shared = path.parent.stat().st_mode & 0o777
        if shared & 0o022:  # others who may write there may take it over
            os.chmod(made, shared)  # noqa: PTH101
        _create(f"{made}/{token}{_BEAT}", _beat(0, os.getpid()))
        _create(f"{made}/{token}", b"")
        os.rename(made, folder)  # noqa: PTH104
    except OSError as error:
        gone = error.errno in GONE
        if not gone and error.errno not in _OCCUPIED:
            shutil.rmtree(made, ignore_errors=True)
            raise
        if gone and os.path.exists(f"{folder}/{token}"):  # noqa: PTH110
            return True  # the answer to the first try was lost on its way
        shutil.rmtree(made, ignore_errors=True)
        if look(path) is None:
            _clear(path)
        return False
    _sweep(path)
    return True


def take_over(path: Path, old: str, token: str) -> bool:
    """Takes the baton of the holder `old`. False where it is another's, or gone.

    The beat is there first: whoever takes over from this process in turn removes it, so that this
    one notices.
    """
    folder = folder_of(path)
    beat = f"{folder}/{token}{_BEAT}"
    try:
        _create(beat, _beat(0, os.getpid()))
    except OSError as error:
        if error.errno in GONE:
            return False
        raise
    try:
        os.rename(f"{folder}/{old}", f"{folder}/{token}")  # noqa: PTH104
    except OSError as error:
        lost_answer = error.errno in GONE and os.path.exists(f"{folder}/{token}")  # noqa: PTH110
        if not lost_answer:
            with contextlib.suppress(OSError):
                os.unlink(beat)  # noqa: PTH108
            if error.errno in GONE:
                return False
            raise
    with contextlib.suppress(OSError):
        os.unlink(f"{folder}/{old}{_BEAT}")  # noqa: PTH108
    return os.path.exists(beat)  # noqa: PTH110  # it was not suspended for a whole lease in here


def _clear(path: Path) -> None:
    """Removes what is left of a claim without a baton; one that has a baton is not touched."""
    folder = folder_of(path)
    with contextlib.suppress(OSError):
        names = os.listdir(folder)  # noqa: PTH208
        if not any(TOKEN.fullmatch(name) for name in names):
            for name in names:
                os.unlink(f"{folder}/{name}")  # noqa: PTH108
            os.rmdir(folder)  # noqa: PTH106


def _sweep(path: Path) -> None:
    """Removes what those left behind who were killed while they claimed.

    It gets another name first: who was only suspended must not claim with half of a folder.
    """
    prefix = f"{path.name}.claim."
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for left in [entry for entry in entries if entry.name.startswith(prefix)]:
            changed = left.stat(follow_symlinks=False).st_mtime
            if disk_clock.now(path.parent) - changed > LEASE_SECONDS:
                gone = f"{left.path.removesuffix('.gone')}.gone"
                os.rename(left.path, gone)  # noqa: PTH104
                shutil.rmtree(gone, ignore_errors=True)


def _create(path: str, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        os.write(file, content)
    finally:
        os.close(file)


def _overwrite(path: str, content: bytes) -> None:
    """Writes over the beginning of a file that is there: none is ever made anew."""
    file = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.pwrite(file, content, 0)
    finally:
        os.close(file)


def count_up(path: Path, token: str, count: int) -> None:
    """Renews a claim. Raises an OSError of `GONE` where it is another's."""
    folder = folder_of(path)
    os.stat(f"{folder}/{token}")  # noqa: PTH116
    _overwrite(f"{folder}/{token}{_BEAT}", b"%020d" % count)


def write_note(path: Path, content: bytes) -> None:
    """Writes into a lock file, which says to people who took it. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.write(file, content)
    finally:
        os.close(file)


def give_back(path: Path, token: str) -> None:
    """Frees a claim, if its baton still is the one of `token`."""
    folder = folder_of(path)
    for name in (token, f"{token}{_BEAT}"):
        with contextlib.suppress(OSError):
            os.unlink(f"{folder}/{name}")  # noqa: PTH108
    _clear(path)


def name_holder(path: Path, token: str, count: int, pid: int) -> None:
    """Writes into the beat that a process of this host holds the claim."""
    _overwrite(f"{folder_of(path)}/{token}{_BEAT}", _beat(count, pid))


def _beat(count: int, pid: int) -> bytes:
    holder = Holder(
        process_marks.hostname(),
        pid,
        process_marks.mark(pid),
        process_marks.pid_space(),
        LEASE_SECONDS,
    )
    return b"%020d\n%b" % (count, msgspec.json.encode(holder).ljust(_HOLDER_BYTES))
