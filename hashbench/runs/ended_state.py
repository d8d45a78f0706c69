"""The state of a run that has ended, from the head and the tail of its events.

A thousand finished runs may hold gigabytes of events; what a list shows of each stands at the two
ends of its file.
"""

from __future__ import annotations

from pathlib import Path

from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.state import RunState, fold

HEAD_BYTES = 1 << 14
TAIL_BYTES = 1 << 15
HEAD_LINES = 16  # queued, started, facts
TAIL_LINES = 32  # of a finished run: the last epoch, the test scores, the end


def ended_state(path: Path) -> RunState | None:
    """The state after the events in `path`, without those in the middle of a long file.

    None where the last event is not an end, so that only a reader of all events can tell.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read(TAIL_BYTES)
            lines = tail.split(b"\n")
            if size > TAIL_BYTES:
                lines = lines[1:]  # begins in the middle of a line
            last = _last_told(lines)
            if not isinstance(last, events.Finished | events.Failed | events.Stopped):
                return None
            head: list[bytes] = []
            if size > TAIL_BYTES:
                file.seek(0)
                head = file.read(min(HEAD_BYTES, size - TAIL_BYTES)).split(b"\n")[:-1]
            if isinstance(last, events.Finished):  # its scores are those on test, told last of all
                head, lines = _beginning(head or lines[:-TAIL_LINES]), lines[-TAIL_LINES:]
            lines = head + lines
    except FileNotFoundError:
        return None
    decoded = (events.decode(line) for line in lines)
    return fold([event for event in decoded if event is not None])


def _beginning(lines: list[bytes]) -> list[bytes]:
    """Who took the run, facts, and the plan, which may come after a long progress of features."""
    plan = (line for line in lines[HEAD_LINES:] if line.startswith(b'{"kind":"planned"'))
    return [*lines[:HEAD_LINES], *([found] if (found := next(plan, None)) else [])]


def _last_told(lines: list[bytes]) -> AnyEvent | None:
    """The last event that is more than a heartbeat."""
    for line in reversed(lines):
        event = events.decode(line)
        if event is not None and not isinstance(event, events.Beat):
            return event
    return None
