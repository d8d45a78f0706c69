"""Reading files that may be anything: never a pipe, a device, or more than they may hold."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from hashbench.errors import DamagedFileError


def open_ordinary(path: Path, *, remedy: str | None = None) -> BinaryIO:
    """Opens an ordinary file for reading.

    Raises DamagedFileError for what is none (a pipe would wait forever, a device never end),
    FileNotFoundError and other OSErrors as they come.
    """
    file = open(path, "rb", opener=_at_once)  # noqa: SIM115 # Path.open has no opener
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise DamagedFileError("is not an ordinary file", where=path, remedy=remedy)
    return file


def read_bounded(path: Path, most: int, what: str, *, remedy: str | None = None) -> bytes:
    """The bytes of a file that is `what` (as in "a run spec") if it has at most `most` of them.

    Raises DamagedFileError for a larger one and for what is no ordinary file, FileNotFoundError
    and other OSErrors as they come.
    """
    with open_ordinary(path, remedy=remedy) as file:
        size = os.fstat(file.fileno()).st_size  # as much memory as it asks for, and not a byte more
        content = file.read(size + 1) if size <= most else b""
    if size > most or len(content) > most:
        raise DamagedFileError(
            f"is too large to be {what}: more than {most:,} bytes", where=path, remedy=remedy
        )
    return content


def _at_once(path: str, flags: int) -> int:
    """Opens without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
