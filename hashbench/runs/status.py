"""What a run is doing at this moment: the one answer that every list, page and command gives.

It is derived, never stored: from the run's events, from whether its worker lives, and from the
files in its folder. A run is finished only when an event says so and its result is there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hashbench.clusters.base import JobState
from hashbench.errors import HashbenchError, StorageError
from hashbench.files import batons, disk_clock, leases
from hashbench.runs import control, events, job, processes, queue
from hashbench.runs.job import Job, JobView
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import RunState, Status
from hashbench.runs.state_reader import read_state

LIVE = (Status.QUEUED, Status.RUNNING, Status.PAUSED)
"""The states in which a run may change at any moment."""

HEARTBEAT_SECONDS = 30.0  # silence that counts as death where the worker's host is another one


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
    job: str = ""
    """The scheduler's job that last took the run, such as `Slurm job 12_3`."""
    job_lives: bool = False
    """The job works at the run, or shall when its turn comes."""


def status(run: RunFolder, positions: Mapping[str, int] | None = None) -> RunStatus:
    """The status of a run, from its files. `positions`, of `queue_positions`, spare a caller who
    asks for many runs that the queue is read for each.

    Raises OSError where the events cannot be read.
    """
    given, state = job.read(run), read_state(run.events)
    if given is None or _over(state, given):
        return _status_of(run, state, None, positions)
    # read again after the scheduler was asked: a job that has ended has written its last event
    view = job.view(run, given)
    return _status_of(run, read_state(run.events), view, positions)


def status_of(
    run: RunFolder,
    state: RunState,
    positions: Mapping[str, int] | None = None,
    *,
    now: float | None = None,
) -> RunStatus:
    """The status of a run whose events are folded into `state` already."""
    given = job.read(run)
    view = None if given is None or _over(state, given) else job.view(run, given)
    return _status_of(run, state, view, positions, now=now)


def _status_of(
    run: RunFolder,
    state: RunState,
    view: JobView | None,
    positions: Mapping[str, int] | None,
    *,
    now: float | None = None,
) -> RunStatus:
    if view is not None and _over(state, view.job):
        view = None  # whatever becomes of its job, which may have other runs
    if view is None:
        alive = worker_lives(run, state, now) and not _is_copy(state, run)
        current = _current(state, run, alive=alive)
    else:
        alive, current = _works(view, run, state, now), _by_job(view, run, state, now)
    position = 0
    if current in LIVE and state.queued is not None and view is None:
        position = (queue_positions(run.path.parent) if positions is None else positions).get(
            run.id, 0
        )
    reason, remedy = _trouble(state, current, run, view)
    finished = current is Status.FINISHED
    return RunStatus(
        state=current,
        doing=_doing(state, current, run, position, view),
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
        job="" if view is None else view.name,
        job_lives=view is not None and current in LIVE,
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


def is_finished(run: RunFolder) -> bool:
    """Whether a run has finished, which its files alone say."""
    return isinstance(read_state(run.events).ended, events.Finished) and run.result.is_file()


def _over(state: RunState, given: Job) -> bool:
    """Whether the run's end is written, and not that of the work before this job."""
    end = state.ended
    return end is not None and not put_back(state) and end.seq > given.after


def put_back(state: RunState) -> bool:
    """Whether the scheduler ended the worker, and may start it again."""
    return isinstance(state.ended, events.Stopped) and state.ended.again


def _by_job(view: JobView, run: RunFolder, state: RunState, now: float | None) -> Status:
    """The state of a run that a job is to do: what the scheduler says decides, since neither a pid
    nor a clock of another host can.
    """
    match view.state:
        case JobState.HELD:
            return Status.PAUSED
        case JobState.WAITING:
            return Status.QUEUED
        case JobState.ENDED if not _unseen(view, run, state, now):
            return Status.STOPPED if put_back(state) else Status.LOST
        case _ if state.ended is not None or not _begun(view, state):
            return Status.QUEUED  # its turn in the job has not come
        case _:
            return Status.PAUSED if state.paused else Status.RUNNING


def _works(view: JobView, run: RunFolder, state: RunState, now: float | None) -> bool:
    """Whether a worker is at the run, by its job."""
    begun = _by_job(view, run, state, now) in (Status.RUNNING, Status.PAUSED)
    return begun and view.state is not JobState.HELD


def _begun(view: JobView, state: RunState) -> bool:
    """Whether a worker of this job has taken the run."""
    return state.worker is not None and state.worker.seq > view.job.after


def _unseen(view: JobView, run: RunFolder, state: RunState, now: float | None) -> bool:
    """Whether the job of another user, which a scheduler may hide, gives signs of life."""
    return not view.mine and state.ended is None and _lives_elsewhere(run, state, now)


def worker_lives(run: RunFolder, state: RunState, now: float | None = None) -> bool:
    """Whether the process that last took the run is still that process.

    `now` stands for the clock of the disk. The answers are asked for in the order of how much they
    know: here belongs first that of whoever started the worker, such as a scheduler.
    """
    worker = state.worker
    if worker is None or state.ended is not None:
        return False
    if worker.host == processes.hostname():
        return processes.lives(worker)
    return _lives_elsewhere(run, state, now)


def _lives_elsewhere(run: RunFolder, state: RunState, now: float | None) -> bool:
    """Whether a worker on another host lives: by its lease, else by how old its last event is.

    Both ages are by the clock of the disk, so that clocks of hosts may differ.
    """
    try:
        now = disk_clock.now(run.path.parent) if now is None else now
        claim = batons.look(run.lock)
        if claim is not None:
            return leases.shows_life(run.lock, claim)
        with run.events.open("rb") as file:  # opened, since over a network a name's time may be old
            last = os.fstat(file.fileno()).st_mtime
    except (OSError, StorageError):
        last, now = state.last_event, time.time() if now is None else now
    return abs(now - last) < HEARTBEAT_SECONDS


def _is_copy(state: RunState, run: RunFolder) -> bool:
    """Whether the events were copied from another run's folder, whose worker is not this one's."""
    worker = state.worker
    if worker is None or not worker.file or worker.host != processes.hostname():
        return False
    try:
        return processes.file_mark(run.events) != worker.file
    except OSError:
        return False


def _doing(
    state: RunState, current: Status, run: RunFolder, position: int, view: JobView | None
) -> str:
    """What is under way; empty for a run that has ended."""
    if current not in LIVE:
        return ""
    told = "not started" if state.worker is None else ""
    if view is not None:
        told = _job_doing(view, current)
    if told:
        return told
    if (request := control.read(run)) in ("stop", "pause"):
        return f"asked to {request}: finishes its step and saves"
    if state.queued is not None and "slot" not in state.facts:
        return _waiting(state.queued, position, held=current is Status.PAUSED)
    if current is Status.PAUSED:
        slot = state.facts.get("slot", "none")
        return "paused" if slot == "none" else f"paused, keeps its slot {slot}"
    return activity(state)


def _job_doing(view: JobView, current: Status) -> str:
    """What a job does that is not the worker's own doing; empty for the worker's."""
    match view.state:
        case JobState.HELD:
            return f"held in {view.title}"
        case JobState.WAITING:
            return f"waits in {view.title}" + (f": {view.reason}" if view.reason else "")
        case None:
            return f"{view.title} does not answer: {view.reason}"
        case _ if current is Status.QUEUED:
            return f"its turn comes in {view.name}"
        case _:
            return ""


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


def _trouble(
    state: RunState, current: Status, run: RunFolder, view: JobView | None
) -> tuple[str, str]:
    """Why a run does not go on, and what to do about it."""
    reason, remedy = "", ""
    resume = f"`hashbench resume {run.id}` goes on from the last checkpoint"
    match current, state.ended:
        case ((Status.LOST | Status.STOPPED), _) if view is not None:
            how = f" ({view.reason})" if view.reason else ""
            reason, remedy = f"{view.name} ended before the run did{how}", resume
            if not _begun(view, state):
                remedy = f"see its output in {view.job.kept}, then `hashbench resume {run.id}`"
        case Status.QUEUED, _ if view is not None:
            pass  # it starts in its turn
        case Status.LOST, events.Finished():
            reason = "finished, but its result.json is missing"
            remedy = f"`hashbench resume {run.id}` evaluates the last checkpoint again"
        case Status.LOST, _:
            reason, remedy = "its worker ended unexpectedly", resume
            if _is_copy(state, run) and worker_lives(run, state):
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
