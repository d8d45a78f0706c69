"""The time as a disk's own clock has it, so that ages of its files are right on every host, however
wrong the clocks of the hosts are.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path

KEEP_SECONDS = 60.0  # in which a clock drifts by milliseconds

_kept: dict[int, tuple[float, float]] = {}
"""By disk: its time when it was last asked, and the monotonic clock of that moment."""


def now(folder: Path) -> float:
    """Unix time by the clock that gives the folder's files their times of change.

    A file is made there to see it, once a minute at most. Where none can be made, the time is that
    of this host. Raises FileNotFoundError where there is no such folder.
    """
    disk = folder.stat().st_dev
    kept = _kept.get(disk)
    if kept is None or time.monotonic() - kept[1] > KEEP_SECONDS:
        try:
            kept = _kept[disk] = _time_of_new_file(folder)
        except OSError:
            return time.time()
    return kept[0] + time.monotonic() - kept[1]


def _time_of_new_file(folder: Path) -> tuple[float, float]:
    """The disk's time, and the monotonic clock, of one moment."""
    path = folder / f".clock-{secrets.token_hex(4)}"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.write(file, b"\n")
        moment = time.monotonic()
        os.fsync(file)  # over a network only what has reached the server has its time
        return os.fstat(file).st_mtime, moment
    finally:
        os.close(file)
        path.unlink(missing_ok=True)
