"""Claims on a network disk without usable file locks: leases that their holders renew.

The claim on a lock file `X` is a folder `X.claim` that holds one file, the baton, whose name is the
random token of the holder; beside it lies the holder's beat, `TOKEN.beat`: a count that rises with
each renewal, then who the holder is. All that decides is one rename on the server:

- to claim what is free, a folder with one's own baton and beat, made elsewhere, is renamed to
  `X.claim`, which succeeds only where no such folder, or an empty one, is;
- to take over what has lapsed, the baton of that very holder is renamed to one's own token. Of many
  who try, one finds it; who decided long ago finds the baton of a later holder, which has another
  name, and takes nothing.

A claim has lapsed when an observer has seen no change of its beat for as long as the lease lasts,
by the observer's own monotonic clock, or when its holder was a process of this host that has ended.
No clock of one host is ever compared with that of another.

Over NFS names may be answered from a cache for a minute, but a file that is opened is asked for at
the server. So what a holder or an observer believes rests on opening the beat, whose name is never
used twice, and which who takes over removes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hashbench.errors import ClaimLostError
from hashbench.files import disk_clock, process_marks, renewing

RENEW_SECONDS = 5.0
LEASE_SECONDS = 60.0  # twelve renewals in a row are missed before another may take over
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 600.0  # of a lease, whatever a damaged beat states

HANDLE = "lease:"
_TOKEN = re.compile(r"[0-9a-f]{16}")
_BEAT = ".beat"
_BEAT_BYTES = 4096
_HOLDER_BYTES = 512  # as long for each, so that one can be written over another
_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EBUSY)
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


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
    """The claim on a lock file; None where it is free."""
    looked = time.monotonic()
    folder = folder_of(path)
    try:
        tokens = [name for name in os.listdir(folder) if _TOKEN.fullmatch(name)]  # noqa: PTH208
        if not tokens:
            return None
        changed = os.stat(folder).st_mtime  # noqa: PTH116
    except OSError as error:
        if error.errno not in _GONE:
            raise
        return None
    beat = b""
    try:
        file = os.open(f"{folder}/{tokens[0]}{_BEAT}", os.O_RDONLY | os.O_NOFOLLOW)
        try:
            beat, changed = os.read(file, _BEAT_BYTES), os.fstat(file).st_mtime
        finally:
            os.close(file)
    except OSError as error:
        if error.errno not in _GONE:
            raise
    return Claim(tokens[0], beat, changed, looked)


def shows_life(path: Path, claim: Claim) -> bool:
    """Whether a claim counts, as far as can be told at once: for lists and messages.

    Its last renewal is not older than its lease by the disk's own clock.
    """
    if _has_lapsed(path, claim):
        return False
    with contextlib.suppress(FileNotFoundError):
        return disk_clock.now(path.parent) - claim.changed < claim.seconds
    return False


_watched: dict[str, tuple[str, bytes, float]] = {}
"""By lock file: token and beat as this process saw them last, and since when."""


def _has_lapsed(path: Path, claim: Claim) -> bool:
    """Whether another may take a claim over: see the top of this file."""
    token, beat, since = _watched.get(str(path), ("", b"", 0.0))
    if (token, beat) != (claim.token, claim.beat):
        since = time.monotonic()
        _watched[str(path)] = (claim.token, claim.beat, since)
    return claim.looked - since >= claim.seconds or claim.holder.has_ended_here()


def take(path: Path) -> Lease | None:
    """The claim on a lock file, if it is free or has lapsed. Raises OSError."""
    claim = look(path)
    began = _now()
    token = secrets.token_hex(8)
    if claim is not None and _has_lapsed(path, claim):
        taken = _take_over(path, claim.token, token)
    elif claim is None or not claim.beat:  # without a beat it may be gone: only the server knows
        taken = _install(path, token)
    else:
        return None
    if not taken:
        return None
    _watched.pop(str(path), None)
    return Lease(path, token, began)


def adopt(path: Path, handle: str) -> Lease | None:
    """The claim that another process handed over to this one; None if it has lapsed meanwhile."""
    began, own, token = _now(), secrets.token_hex(8), handle.removeprefix(HANDLE)
    if not _TOKEN.fullmatch(token):
        return None
    return Lease(path, own, began) if _take_over(path, token, own) else None


class Lease:
    """A claim that this process holds: renewed by a thread until it is closed or handed over.

    The methods are those of `locks.Lock`.
    """

    files: tuple[int, ...] = ()

    def __init__(self, path: Path, token: str, confirmed: float) -> None:
        self.path = path
        self.seconds = LEASE_SECONDS
        self._token = token
        self._count = 0
        self._confirmed = confirmed  # nobody can have taken it over before this and the lease
        self._lost = ""
        self._mutex = threading.RLock()  # a signal handler may come by in the middle
        renewing.begin(self, RENEW_SECONDS)

    @property
    def handle(self) -> str:
        return f"{HANDLE}{self._token}"

    def check(self) -> None:
        """Raises ClaimLostError unless it is certain that no other process has it."""
        if not self._lost and _now() - self._confirmed > self.seconds / 4:
            self.renew()
        if not self._lost and _now() - self._confirmed > self.seconds * 3 / 4:
            self._lost = "it could not be renewed for too long"
        if self._lost:
            raise ClaimLostError(
                f"this process lost its claim: {self._lost}",
                where=self.path,
                remedy="another process may work here by now; this one writes nothing more",
            )

    def renew(self) -> None:
        """Counts up the beat. A disk that does not answer is tried again the next time."""
        with self._mutex:
            if self._lost:
                return
            try:
                self._renew()
            except OSError as error:
                if error.errno in _GONE:
                    self._lost = "another process has taken it, or its folder was moved or removed"

    def _renew(self) -> None:
        began = _now()
        if began - self._confirmed < self.seconds / 2:
            self._count += 1
            _write_count(self.path, self._token, self._count)
            if _now() - self._confirmed < self.seconds * 3 / 4:
                self._confirmed = began
                return
        # so late that another may be about to take it over: a rename decides
        own = secrets.token_hex(8)
        if not _take_over(self.path, self._token, own):
            raise FileNotFoundError(errno.ENOENT, "taken over", str(self.path))
        self._token, self._count, self._confirmed = own, 0, began

    def note(self, content: bytes) -> None:
        """Writes into the lock file, for people. Raises OSError."""
        write_note(self.path, content)

    def hand_over(self, pid: int) -> None:
        """Leaves the claim to a process that was told its handle and adopts it within the lease."""
        renewing.end(self)
        with self._mutex, contextlib.suppress(OSError):
            beat = _beat(self._count + 1, pid)
            _overwrite(f"{folder_of(self.path)}/{self._token}{_BEAT}", beat)

    def close(self) -> None:
        """Gives the claim back, if it still is this process's."""
        renewing.end(self)
        with self._mutex:
            self._lost = self._lost or "it was given back"
            folder = folder_of(self.path)
            with contextlib.suppress(OSError):
                os.unlink(f"{folder}/{self._token}")  # noqa: PTH108
            with contextlib.suppress(OSError):
                os.unlink(f"{folder}/{self._token}{_BEAT}")  # noqa: PTH108
            _clear(self.path)


def write_note(path: Path, content: bytes) -> None:
    """Writes into a lock file, which says to people who took it. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    try:
        os.write(file, content)
    finally:
        os.close(file)


def _now() -> float:
    """The holder's clock, which goes on while the machine sleeps."""
    return time.clock_gettime(_BOOT_CLOCK)


def _beat(count: int, pid: int) -> bytes:
    holder = Holder(
        process_marks.hostname(),
        pid,
        process_marks.mark(pid),
        process_marks.pid_space(),
        LEASE_SECONDS,
    )
    return b"%020d\n%b" % (count, msgspec.json.encode(holder).ljust(_HOLDER_BYTES))


def _install(path: Path, token: str) -> bool:
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
        gone = error.errno in _GONE
        if not gone and error.errno not in _OCCUPIED:
            shutil.rmtree(made, ignore_errors=True)
            raise
        if gone and os.path.exists(f"{folder}/{token}"):  # noqa: PTH110
            return True  # the answer to the first try was lost on its way
        shutil.rmtree(made, ignore_errors=True)
        if look(path) is None:
            _clear(path)
            if error.errno in (errno.EACCES, errno.EPERM) and exists(path):
                raise  # another user's, in a folder where that cannot be removed
        return False
    _sweep(path)
    return True


def _take_over(path: Path, old: str, token: str) -> bool:
    """Takes the baton of the holder `old`. False where it is another's, or gone.

    The beat is there first: whoever takes over from this process in turn removes it, so that this
    one notices.
    """
    folder = folder_of(path)
    beat = f"{folder}/{token}{_BEAT}"
    try:
        _create(beat, _beat(0, os.getpid()))
    except OSError as error:
        if error.errno in _GONE:
            return False
        raise
    try:
        os.rename(f"{folder}/{old}", f"{folder}/{token}")  # noqa: PTH104
    except OSError as error:
        lost_answer = error.errno in _GONE and os.path.exists(f"{folder}/{token}")  # noqa: PTH110
        if not lost_answer:
            with contextlib.suppress(OSError):
                os.unlink(beat)  # noqa: PTH108
            if error.errno in _GONE:
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
        if not any(_TOKEN.fullmatch(name) for name in names):
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


def _write_count(path: Path, token: str, count: int) -> None:
    folder = folder_of(path)
    os.stat(f"{folder}/{token}")  # noqa: PTH116
    _overwrite(f"{folder}/{token}{_BEAT}", b"%020d" % count)
