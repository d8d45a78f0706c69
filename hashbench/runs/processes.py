"""Which process it is, so that neither a reused pid nor a clock that jumps deceives.

The start of a process in Unix time is computed from the clock of the moment when it is asked for,
so that setting the clock moves it. On Linux the kernel's own count since boot, with the boot's id,
is kept beside it, and is what decides.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Protocol

from hashbench.files.process_marks import hostname, mark

__all__ = ("ProcessIdentity", "file_mark", "hostname", "lives", "mark", "this")


class ProcessIdentity(Protocol):
    """What an event holds of the process that wrote it."""

    @property
    def pid(self) -> int: ...
    @property
    def since(self) -> float: ...
    @property
    def host(self) -> str: ...
    @property
    def mark(self) -> str: ...


def this() -> dict[str, Any]:
    """The fields of `ProcessIdentity` for this process."""
    import psutil  # here, since a list of finished runs needs none of it

    pid = os.getpid()
    since = psutil.Process(pid).create_time()
    return {"pid": pid, "since": since, "host": hostname(), "mark": mark(pid)}


def file_mark(file: Path | int) -> str:
    """Device and inode of a path or of an open file: the same for one file under whatever name,
    another for its copy. Raises OSError.
    """
    found = os.stat(file)  # noqa: PTH116  # an open file, too
    return f"{found.st_dev}:{found.st_ino}"


def lives(identity: ProcessIdentity) -> bool:
    """Whether a process of this host still is the one that is meant."""
    import psutil

    with contextlib.suppress(psutil.Error, OverflowError, ValueError):
        process = psutil.Process(identity.pid)
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        now = mark(identity.pid)
        if identity.mark and now:
            return identity.mark == now
        return bool(abs(process.create_time() - identity.since) < 2.0)
    return False
