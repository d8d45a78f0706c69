"""The state of a run from its file of events, of which as little is read as will do."""

from __future__ import annotations

import itertools
from pathlib import Path

from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.state import RunState, fold
from hashbench.runs.tailer import read_all

HEAD_BYTES = 1 << 14
TAIL_BYTES = 1 << 15
HEAD_LINES = 16  # queued, started, facts
TAIL_LINES = 12  # of a finished run: the last epoch, the test scores, the end
_PLANNED = b'{"kind":"planned"'
_STEPS = tuple(
    b'{"kind":"%s"' % kind for kind in (b"beat", b"progress", b"loss", b"monitors", b"machine")
)
"""Events of which nothing is left once a run has finished."""


def read_state(path: Path) -> RunState:
    """The state after the events of a file. Of a run that has ended only head and tail are read:
    thousands of them may hold gigabytes of events. Raises OSError.
    """
    return read_ended_state(path) or fold(read_all(path))


def read_ended_state(path: Path) -> RunState | None:
    """The state after the events in `path`, without those in the middle of a long file.

    None where the last event is not an end, so that only a reader of all events can tell.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read(TAIL_BYTES).split(b"\n")
            if size > TAIL_BYTES:
                lines = lines[1:]  # begins in the middle of a line
            end = _last_event(lines)
            if not isinstance(end, events.Finished | events.Failed | events.Stopped):
                return None
            head: list[bytes] = []
            if size > TAIL_BYTES:
                file.seek(0)
                head = file.read(min(HEAD_BYTES, size - TAIL_BYTES)).split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    if isinstance(end, events.Finished):
        # the last lines but for heartbeats, of which a long evaluation has many
        kept = (n for n in range(len(lines) - 1, -1, -1) if not lines[n].startswith(_STEPS))
        last = sorted(itertools.islice(kept, TAIL_LINES))
        head = _beginning(head or lines[: last[0]])
        lines = [lines[n] for n in last]
    decoded = (events.decode(line) for line in head + lines)
    return fold(event for event in decoded if event is not None)


def _beginning(lines: list[bytes]) -> list[bytes]:
    """Who took the run, facts, and the plan, which may come after a long progress of features."""
    early = lines[:HEAD_LINES]
    plan = next((line for line in lines[HEAD_LINES:] if line.startswith(_PLANNED)), None)
    return [line for line in [*early, plan] if line is not None and not line.startswith(_STEPS)]


def _last_event(lines: list[bytes]) -> AnyEvent | None:
    """The last event that is more than a heartbeat, or than what was done after the end."""
    for line in reversed(lines):
        event = events.decode(line)
        if event is not None and not isinstance(event, events.Beat | events.Notified):
            return event
    return None
