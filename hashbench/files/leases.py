"""Claims on a network disk without usable file locks: leases that their holders renew.

A claim has lapsed when an observer has seen no change of its beat for as long as the lease lasts,
by the observer's own monotonic clock, or when its holder was a process of this host that has ended.
No clock of one host is ever compared with that of another. Who takes it over is decided by a rename
(`files.batons`).
"""

from __future__ import annotations

import contextlib
import errno
import secrets
import threading
import time
from pathlib import Path

from hashbench.errors import ClaimLostError
from hashbench.files import batons, disk_clock, renewing
from hashbench.files.batons import Claim

RENEW_SECONDS = 5.0  # twelve in a row are missed before another may take over
HANDLE = "lease:"
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


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
    claim = batons.look(path)
    began = _now()
    token = secrets.token_hex(8)
    if claim is not None and _has_lapsed(path, claim):
        taken = batons.take_over(path, claim.token, token)
    elif claim is None or not claim.beat:  # without a beat it may be gone: only the server knows
        taken = batons.install(path, token)
    else:
        return None
    if not taken:
        return None
    _watched.pop(str(path), None)
    return Lease(path, token, began)


def adopt(path: Path, handle: str) -> Lease | None:
    """The claim that another process handed over to this one; None if it has lapsed meanwhile."""
    began, own, token = _now(), secrets.token_hex(8), handle.removeprefix(HANDLE)
    if not batons.TOKEN.fullmatch(token):
        return None
    return Lease(path, own, began) if batons.take_over(path, token, own) else None


class Lease:
    """A claim that this process holds: renewed by a thread until it is closed or handed over.

    The methods are those of `locks.Lock`.
    """

    files: tuple[int, ...] = ()

    def __init__(self, path: Path, token: str, confirmed: float) -> None:
        self.path = path
        self.seconds = batons.LEASE_SECONDS
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
                if error.errno in batons.GONE:
                    self._lost = "another process has taken it, or its folder was moved or removed"

    def _renew(self) -> None:
        began = _now()
        if began - self._confirmed < self.seconds / 2:
            self._count += 1
            batons.count_up(self.path, self._token, self._count)
            if _now() - self._confirmed < self.seconds * 3 / 4:
                self._confirmed = began
                return
        # so late that another may be about to take it over: a rename decides
        own = secrets.token_hex(8)
        if not batons.take_over(self.path, self._token, own):
            raise FileNotFoundError(errno.ENOENT, "taken over", str(self.path))
        self._token, self._count, self._confirmed = own, 0, began

    def note(self, content: bytes) -> None:
        """Writes into the lock file, for people. Raises OSError."""
        batons.write_note(self.path, content)

    def hand_over(self, pid: int) -> None:
        """Leaves the claim to a process that was told its handle and adopts it within the lease."""
        renewing.end(self)
        with self._mutex, contextlib.suppress(OSError):
            batons.name_holder(self.path, self._token, self._count + 1, pid)

    def close(self) -> None:
        """Gives the claim back, if it still is this process's."""
        renewing.end(self)
        with self._mutex:
            self._lost = self._lost or "it was given back"
            batons.give_back(self.path, self._token)


def _now() -> float:
    """The holder's clock, which goes on while the machine sleeps."""
    return time.clock_gettime(_BOOT_CLOCK)
