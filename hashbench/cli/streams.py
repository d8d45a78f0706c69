"""The standard streams as commands need them, whatever whoever called left of them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import NoReturn


def mend_streams() -> None:
    """Opens what is closed, so that no file takes its number and is written to by mistake; letters
    that a terminal's encoding lacks, or that are none, become `?`.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def reader_left() -> NoReturn:
    """Ends quietly: the reader of a pipe has gone, and nothing is left to tell it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        # what is still buffered must not fail again when the interpreter ends
        with contextlib.suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    sys.exit(0)
