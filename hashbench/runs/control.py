"""Control requests to a running worker: a file in the run's folder that holds one word.

A file and not a signal, since the worker may run on another host that shares the runs folder. The
worker looks for it after every step.
"""

from __future__ import annotations

from typing import Literal, cast

from hashbench.files.atomic import write_bytes_atomically
from hashbench.runs.layout import RunFolder

ControlRequest = Literal["stop", "pause", "go"]


def send(run: RunFolder, request: ControlRequest) -> None:
    """Writes a request; a later one replaces it."""
    write_bytes_atomically(run.control_request, request.encode(), make_folder=False)


def read(run: RunFolder) -> ControlRequest | None:
    """The pending request, if any."""
    try:
        with run.control_request.open("rb") as file:
            word = file.read(16)
    except OSError:
        return None  # there is none, or a network disk is away: the next step looks again
    return cast("ControlRequest", word.decode()) if word in (b"stop", b"pause", b"go") else None


def clear(run: RunFolder) -> None:
    """Removes the request: it was handled, or is not for the worker that starts now."""
    run.control_request.unlink(missing_ok=True)
