"""A fence around a folder: this process changes files in it only while a check passes.

Who writes (`files.atomic`, the events of a run) asks here right before a change becomes visible, so
that a process that lost its claim on the folder, perhaps while it was suspended in the middle of a
write, leaves the files to the one that has it now.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_fences: list[tuple[str, Callable[[], None]]] = []


@contextmanager
def around(folder: Path, check: Callable[[], None]) -> Iterator[None]:
    """Has `check` asked before each change below `folder`; it raises ClaimLostError to refuse."""
    fence = (f"{os.path.abspath(folder)}{os.sep}", check)  # noqa: PTH100  # links stay as they are
    _fences.append(fence)
    try:
        yield
    finally:
        _fences.remove(fence)


def check(path: Path) -> None:
    """Raises ClaimLostError where `path` must not be changed by this process any more."""
    if _fences:
        absolute = os.path.abspath(path)  # noqa: PTH100
        for folder, allowed in _fences:
            if absolute.startswith(folder):
                allowed()
