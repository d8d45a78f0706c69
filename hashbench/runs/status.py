"""What a run is doing at this moment: the one answer that every list, page and command gives.

It is derived, never stored: from the run's events, from whether its worker lives, and from the
files in its folder. A run is finished only when an event says so and its result is there.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hashbench.errors import HashbenchError
from hashbench.runs import control, events, processes, queue
from hashbench.runs.events import AnyEvent
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState, Status, fold
from hashbench.runs.tailer import read_all

LIVE = (Status.QUEUED, Status.RUNNING, Status.PAUSED)
"""The states in which a run may change at any moment."""

HEARTBEAT_SECONDS = 30.0  # silence that counts as death where the worker's host is another one

HEAD_BYTES = 1 << 14
TAIL_BYTES = 1 << 15
HEAD_LINES = 16  # queued, started, facts
TAIL_LINES = 12  # of a finished run: the last epoch, the test scores, the end
_PLANNED = b'{"kind":"planned"'
_STEPS = (b'{"kind":"beat"', b'{"kind":"progress"', b'{"kind":"loss"', b'{"kind":"monitors"')
"""Events of which nothing is left once a run has finished."""


class RunStatus(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """`done` goes from 0 to 1, `seconds_left` counts until the end of the training; None where
    nobody can know. `doing` says what is under way, `reason` why a run does not go on and `remedy`
    what to do about it; both are empty where there is nothing to mend. `position` is the place in
    the queue, 0 for none. `score` is the mean mAP over directions and bit lengths on `score_on`.
    `warnings` names the rules that spoke.
    """

    state: Status
    doing: str = ""
    done: float | None = None
    seconds_left: float | None = None
    reason: str = ""
    remedy: str = ""
    position: int = 0
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    score: float | None = None
    score_on: str = ""
    warnings: tuple[str, ...] = ()
    device: str = ""
    worker: events.Queued | events.Started | None = None
    """The process that last took the run, whether it lives or not."""
    worker_lives: bool = False


def status(run: RunFolder, positions: Mapping[str, int] | None = None) -> RunStatus:
    """The status of a run, from its files. `positions`, of `queue_positions`, spare a caller who
    asks for many runs that the queue is read for each.

    Raises OSError where the events cannot be read.
    """
    return status_of(run, read_state(run.events), positions)


def status_of(
    run: RunFolder,
    state: RunState,
    positions: Mapping[str, int] | None = None,
    *,
    now: float | None = None,
) -> RunStatus:
    """The status of a run whose events are folded into `state` already."""
    alive = worker_lives(state, now) and not _is_copy(state, run)
    current = _current(state, run, alive=alive)
    position = 0
    if current in LIVE and state.queued is not None:
        position = (queue_positions(run.path.parent) if positions is None else positions).get(
            run.id, 0
        )
    reason, remedy = _trouble(state, current, run)
    finished = current is Status.FINISHED
    return RunStatus(
        state=current,
        doing=_doing(state, current, run, position),
        done=state.share_done(),
        seconds_left=state.seconds_left() if current is Status.RUNNING else None,
        reason=reason,
        remedy=remedy,
        position=position,
        stage=state.stage or "",
        epoch=state.epochs if finished else min(state.epoch, state.epochs or state.epoch),
        epochs=state.epochs,
        score=state.mean_map,
        score_on=state.scored_on,
        warnings=state.warnings,
        device=str(state.facts.get("device", "")),
        worker=state.worker,
        worker_lives=alive,
    )


_ENDS = {
    events.Finished: Status.FINISHED,
    events.Failed: Status.FAILED,
    events.Stopped: Status.STOPPED,
}


def _current(state: RunState, run: RunFolder, *, alive: bool) -> Status:
    if state.ended is not None:
        ended = _ENDS[type(state.ended)]
        complete = ended is not Status.FINISHED or run.result.is_file()
        return ended if complete else Status.LOST
    if state.worker is None:
        return Status.QUEUED  # just made, or made by a process that ended before it started it
    if not alive:
        return Status.LOST
    if state.paused:
        return Status.PAUSED
    waits = state.queued is not None and "slot" not in state.facts
    return Status.QUEUED if waits else Status.RUNNING


def worker_lives(state: RunState, now: float | None = None) -> bool:
    """Whether the process that last took the run is still that process.

    On another host only the heartbeat can tell.
    """
    worker = state.worker
    if worker is None or state.ended is not None:
        return False
    if worker.host != processes.hostname():
        return abs((time.time() if now is None else now) - state.last_event) < HEARTBEAT_SECONDS
    return processes.lives(worker)


def _is_copy(state: RunState, run: RunFolder) -> bool:
    """Whether the events were copied from another run's folder, whose worker is not this one's."""
    worker = state.worker
    if worker is None or not worker.file or worker.host != processes.hostname():
        return False
    try:
        return processes.file_mark(run.events) != worker.file
    except OSError:
        return False


def _doing(state: RunState, current: Status, run: RunFolder, position: int) -> str:
    """What is under way; empty for a run that has ended."""
    if current not in LIVE:
        return ""
    if state.worker is None:
        return "not started"
    if (request := control.read(run)) in ("stop", "pause"):
        return f"asked to {request}: finishes its step and saves"
    if state.queued is not None and "slot" not in state.facts:
        return _waiting(state.queued, position, held=current is Status.PAUSED)
    if current is Status.PAUSED:
        slot = state.facts.get("slot", "none")
        return "paused" if slot == "none" else f"paused, keeps its slot {slot}"
    return activity(state)


def _waiting(queued: events.Queued, position: int, *, held: bool) -> str:
    device = "a device" if queued.device == "auto" else queued.device
    parts = [f"waits for {device}"]
    parts += [f"number {position} in the queue"] if position else []
    parts += [f"priority {queued.priority}"] if queued.priority else []
    parts += ["paused: lets others pass"] if held else []
    return ", ".join(parts)


def activity(state: RunState) -> str:
    """What a worker is at, and how far: a preparation, an epoch, the evaluation."""
    progress = state.progress
    if progress is not None:
        of = f" of {progress.total:,}" if progress.total else ""
        return f"{progress.what} {progress.done:,}{of}"
    if state.trained:
        return "evaluation"
    if state.stage is None:
        return "loading"
    return f"{state.stage} epoch {min(state.epoch + 1, state.epochs)} of {state.epochs}"


def _trouble(state: RunState, current: Status, run: RunFolder) -> tuple[str, str]:
    """Why a run does not go on, and what to do about it."""
    reason, remedy = "", ""
    resume = f"`hashbench resume {run.id}` goes on from the last checkpoint"
    match current, state.ended:
        case Status.LOST, events.Finished():
            reason = "finished, but its result.json is missing"
            remedy = f"`hashbench resume {run.id}` evaluates the last checkpoint again"
        case Status.LOST, _:
            reason, remedy = "its worker ended unexpectedly", resume
            if _is_copy(state, run) and worker_lives(state):
                reason = "was copied from a run that had not ended, without its worker"
            elif state.worker is not None and state.worker.host != processes.hostname():
                reason = f"no sign of life from its worker on {state.worker.host}"
        case Status.STOPPED, events.Stopped():
            reason, remedy = state.ended.reason, resume
        case Status.FAILED, events.Failed():
            reason = state.ended.reason
            remedy = state.ended.remedy or f"see its log, then `hashbench retry {run.id}`"
        case Status.QUEUED, None if state.worker is None:
            remedy = f"`hashbench resume {run.id}` starts it"
        case _:
            pass
    return reason, remedy


def queue_positions(runs_dir: Path) -> Mapping[str, int]:
    """Run id -> place in the queue; nothing where the queue cannot be read, which costs a number
    and not the status of every run.
    """
    try:
        return queue.positions(runs_dir)
    except (OSError, HashbenchError):
        return {}


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
