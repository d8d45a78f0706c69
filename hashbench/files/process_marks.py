"""Marks of a process that neither a reused pid nor a clock that jumps can imitate."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_SPACE = Path("/proc/self/ns/pid")


def hostname() -> str:
    """The name of this host."""
    return os.uname().nodename


def mark(pid: int) -> str:
    """Boot and start of a process, in the kernel's ticks; empty where they cannot be read."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return f"{_boot()}:{int(_stat(pid)[19])}"
    return ""


def pid_space() -> str:
    """Where pids mean the same processes: the boot of a kernel, and in it a container or none.

    Empty where the system does not say.
    """
    with contextlib.suppress(OSError):
        return f"{_boot()}:{_PID_SPACE.readlink()}"
    return ""


def has_ended(pid: int, its_mark: str) -> bool:
    """Whether a process of this pid space certainly lives no more; without a mark nobody knows."""
    if not its_mark or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # another user's
    now = mark(pid)
    if now != its_mark:
        return bool(now)  # the pid is used again; unreadable, it may be the same process
    with contextlib.suppress(OSError, IndexError):
        return _stat(pid)[0] == b"Z"
    return False


def _stat(pid: int) -> list[bytes]:
    """The fields from the third on, the state; the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()


@functools.cache
def _boot() -> str:
    return _BOOT_ID.read_text().strip()
