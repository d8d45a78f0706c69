"""Control requests to a running worker: a file in the run's folder that holds one word.

A file and not a signal, since the worker may run on another host that shares the runs folder. The
worker looks for it after every step.
"""

from __future__ import annotations

from typing import Literal, cast

from hashbench.files import fence
from hashbench.files.atomic import write_bytes_atomically
from hashbench.runs.layout import RunFolder

ControlRequest = Literal["stop", "pause", "go"]

_LEAVE = b"leave"
"""A stop that a scheduler asked for. It is for the worker that lives, and no wish of a person's."""


def send(run: RunFolder, request: ControlRequest) -> None:
    """Writes a request; a later one replaces it."""
    write_bytes_atomically(run.control_request, request.encode(), make_folder=False)


def read(run: RunFolder) -> ControlRequest | None:
    """The pending request, if any."""
    word = _word(run)
    if word == _LEAVE:
        return "stop"
    return cast("ControlRequest", word.decode()) if word in (b"stop", b"pause", b"go") else None


def _word(run: RunFolder) -> bytes:
    try:
        with run.control_request.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""  # there is none, or a network disk is away: the next step looks again


def ask_to_leave(run: RunFolder) -> bool:
    """Asks the worker to stop since its job ends; False where a person asked it to stop already,
    which then holds.
    """
    if read(run) == "stop" and _word(run) != _LEAVE:
        return False
    write_bytes_atomically(run.control_request, _LEAVE)
    return True


def clear_leave(run: RunFolder) -> None:
    """Removes what a scheduler asked of an earlier worker."""
    if _word(run) == _LEAVE:
        clear(run)


def clear(run: RunFolder) -> None:
    """Removes the request: it was handled, or is not for the worker that starts now.

    Raises ClaimLostError in a worker that lost the run: the request is for the one that has it.
    """
    fence.check(run.control_request)
    run.control_request.unlink(missing_ok=True)
