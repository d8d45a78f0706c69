"""What somebody asks of a running worker: a file in its folder that holds one word.

A file and not a signal, since the worker may run on another host that shares the runs folder. The
worker looks after every step.
"""

from __future__ import annotations

from typing import Literal, cast

from hashbench.files.atomic import write_bytes_atomically
from hashbench.runs.layout import RunFolder

ControlRequest = Literal["stop", "pause", "go"]


def send(run: RunFolder, request: ControlRequest) -> None:
    """Leaves a request; a later one replaces it."""
    write_bytes_atomically(run.control_request, request.encode())


def read(run: RunFolder) -> ControlRequest | None:
    """The request that is pending, if any."""
    try:
        word = run.control_request.read_bytes()[:16]
    except OSError:
        return None  # none is there, or a network disk is away: the next step asks again
    return cast("ControlRequest", word.decode()) if word in (b"stop", b"pause", b"go") else None


def clear(run: RunFolder) -> None:
    """The request has been heard."""
    run.control_request.unlink(missing_ok=True)
