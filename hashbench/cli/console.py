"""The one console of all commands."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNWRAPPED = 100_000  # columns: in a pipe every row of a table is one line


def console(*, stderr: bool = False) -> Console:
    """Prints to stdout, or to stderr: as wide as the terminal, or as COLUMNS says; text that goes
    to a file or another program is neither cut nor wrapped.
    """
    from rich.console import Console

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            """Leaves it to `main`, which ends quietly; rich would end with exit code 1."""
            raise BrokenPipeError

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else UNWRAPPED
    return PipeConsole(stderr=stderr, width=width, markup=False, highlight=False)
