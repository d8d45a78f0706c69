"""Writing a file so that a reader sees all of it or none of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from hashbench.errors import InputError
from hashbench.files import fence

PART = ".part"


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a temporary file beside `path`, sync it, and put it in the place of `path`.

    The folder is made if it is missing. When `write` raises, nothing of it is left and what was
    at `path` before is untouched. An OSError that names no file (a full disk) names `path`.
    Raises InputError for a device or a pipe, which a file would take the place of, and
    ClaimLostError behind a fence that this process may not pass any more (`files.fence`).
    """
    fence.check(path)  # before a folder is made in the place of one that was moved away
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError("is a device or a pipe", where=path, remedy="the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}{PART}")
    try:
        with temporary.open("xb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        fence.check(path)  # the write may have taken long
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        raise
    _sync(path.parent)  # the rename itself must survive a power cut


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Put `content` in the place of `path`, as `write_atomically` does."""
    write_atomically(path, lambda stream: stream.write(content))


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Removes what killed writers of the file `name`, or of all files, left in a folder; only for
    those who know that no other writes it.
    """
    for left in folder.glob(f".{name}.*{PART}"):
        left.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Sees to it that the files of a folder, once it is renamed, survive a power cut."""
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
