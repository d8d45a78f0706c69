"""The thread that renews what this process has claimed for a time: one, whatever it holds.

It is a thread of the process itself, so that a process that is stopped renews nothing. Long steps
do not hinder it: torch and the kernels of `metrics` release the interpreter's lock meanwhile.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Protocol


class Renewable(Protocol):
    """What has to be renewed; `renew` raises nothing that a disk may cause."""

    def renew(self) -> None: ...


_wake = threading.Condition(threading.Lock())
_due: dict[Renewable, tuple[float, float]] = {}
"""What is to be renewed next at which time, and how often."""
_threads: list[threading.Thread] = []


def begin(claim: Renewable, seconds: float) -> None:
    """Renews a claim so often from now on."""
    with _wake:
        _due[claim] = (time.monotonic() + seconds, seconds)
        if not _threads:
            _threads.append(threading.Thread(target=_run, name="claims", daemon=True))
            _threads[0].start()
        _wake.notify()


def end(claim: Renewable) -> None:
    """Renews a claim no more."""
    with _wake:
        _due.pop(claim, None)


def _run() -> None:
    while True:
        with _wake:
            while not _due or (wait := min(_due.values())[0] - time.monotonic()) > 0:
                _wake.wait(wait if _due else None)
            claim = min(_due, key=lambda one: _due[one][0])
            seconds = _due[claim][1]
            _due[claim] = (time.monotonic() + seconds, seconds)
        claim.renew()


def _forget() -> None:
    """A forked child holds nothing: what its parent claimed stays the parent's."""
    _due.clear()
    _threads.clear()
    _wake.release()


os.register_at_fork(before=_wake.acquire, after_in_parent=_wake.release, after_in_child=_forget)
