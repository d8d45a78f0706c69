"""Which process it is: told so that neither a reused pid nor a clock that jumps deceives.

The start of a process in Unix time is reckoned from the clock of the moment when it is asked for,
so that setting the clock moves it. On Linux the kernel's own count since boot, with the boot's id,
is told beside it, and is what decides.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any, Protocol

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Told(Protocol):
    """What an event tells of the process that wrote it."""

    @property
    def pid(self) -> int: ...
    @property
    def since(self) -> float: ...
    @property
    def host(self) -> str: ...
    @property
    def mark(self) -> str: ...


def this() -> dict[str, Any]:
    """The fields of `Told` for this process."""
    pid = os.getpid()
    since = psutil.Process(pid).create_time()
    return {"pid": pid, "since": since, "host": socket.gethostname(), "mark": mark(pid)}


def mark(pid: int) -> str:
    """Boot and start of a process, in the kernel's ticks; empty where that cannot be told."""
    with contextlib.suppress(OSError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        ticks = stat.rpartition(b")")[2].split()[19]  # the name before it may hold anything
        return f"{_BOOT_ID.read_text().strip()}:{int(ticks)}"
    return ""


def lives(told: Told) -> bool:
    """Whether a process of this host still is the one that was told of."""
    with contextlib.suppress(psutil.Error, OverflowError, ValueError):
        process = psutil.Process(told.pid)
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        now = mark(told.pid)
        if told.mark and now:
            return told.mark == now
        return bool(abs(process.create_time() - told.since) < 2.0)
    return False
