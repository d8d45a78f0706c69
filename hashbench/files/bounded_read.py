"""Reading small files whole: never a pipe, a device, or more than they may hold."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hashbench.errors import DamagedFileError


def read_bounded(path: Path, most: int, what: str, *, remedy: str | None = None) -> bytes:
    """The bytes of a file that is `what` (as in "a run spec") if it has at most `most` of them.

    Raises DamagedFileError for a larger one and for what is no ordinary file (a pipe would wait
    forever, a device never end), FileNotFoundError and other OSErrors as they come.
    """
    with open(path, "rb", opener=_at_once) as file:  # Path.open has no opener
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise DamagedFileError("is not an ordinary file", where=path, remedy=remedy)
        content = file.read(min(status.st_size, most) + 1)  # as much memory as it asks for
    if len(content) > most:
        raise DamagedFileError(
            f"is too large to be {what}: more than {most:,} bytes", where=path, remedy=remedy
        )
    return content


def _at_once(path: str, flags: int) -> int:
    """Opens without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
