"""What a run is doing: its events folded into one value, and whether its worker lives.

Status is derived, never stored. A run is finished only when an event says so.
"""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import psutil

from hashbench.runs import events
from hashbench.runs.events import AnyEvent, StagePlan
from hashbench.runs.layout import RunFolder

BEAT_LOST_SECONDS = 30.0  # only judged so where the worker's host is another one


class Status(StrEnum):
    """The states of a run, as shown."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"
    LOST = "lost"


@dataclass
class RunState:
    """All that a run's events have told so far."""

    queued: events.Queued | None = None  # the worker that waits for a slot
    started: events.Started | None = None
    training_since: float | None = None
    last_event: float = 0.0
    stages: tuple[StagePlan, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    stage: str | None = None
    epoch: int = 0
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    monitors: dict[str, float] = field(default_factory=dict)
    recovery: dict[str, float] = field(default_factory=dict)
    progress: events.Progress | None = None
    progress_since: float = 0.0
    notes: list[str] = field(default_factory=list)
    ended: events.Stopped | events.Failed | events.Finished | None = None
    paused: bool = False

    def add(self, event: AnyEvent) -> None:
        """Takes one more event into account."""
        self.last_event = event.t
        match event:
            case events.Queued():
                self.queued, self.ended, self.paused = event, None, False
            case events.Started():
                self.queued, self.started = None, event
                self.ended, self.paused = None, False
                self.training_since = None
                self.facts |= event.facts
            case events.Planned(stages=stages, sizes=sizes):
                self.stages = stages
                self.facts |= sizes
            case events.Fact(name=name, value=value):
                self.facts[name] = value
            case events.Progress(what=what):
                if self.progress is None or self.progress.what != what:
                    self.progress_since = event.t
                self.progress = event
            case events.StageBegan(stage=stage):
                self.stage, self.epoch, self.step, self.progress = stage, 0, 0, None
                self.training_since = self.training_since or event.t
            case events.Loss(stage=stage, epoch=epoch, step=step, values=values):
                self.stage, self.epoch, self.step, self.losses = stage, epoch, step, values
                self.progress = None
            case events.EpochEnded(stage=stage, epoch=epoch, values=values):
                self.stage, self.epoch, self.step, self.losses = stage, epoch + 1, 0, values
            case events.Scores(on="validation", values=values):
                self.validation = values
            case events.Scores(on="test", values=values):
                self.test = values
            case events.Monitors(values=values):
                self.monitors = self.monitors | values
            case events.Recovery(values=values):
                self.recovery = values
            case events.Note(text=text):
                self.notes.append(text)
            case events.Paused():
                self.paused = True
            case events.Continued():
                self.paused = False
            case events.Stopped() | events.Failed() | events.Finished():
                self.ended = event
            case _:
                pass

    @property
    def worker(self) -> events.Queued | events.Started | None:
        """The process that last took the run."""
        return self.queued or self.started

    @property
    def steps_done(self) -> int:
        """Training steps done, over all stages."""
        done = 0
        for plan in self.stages:
            if plan.name == self.stage:
                return done + min(self.epoch * plan.steps + self.step, plan.epochs * plan.steps)
            done += plan.epochs * plan.steps
        return 0

    @property
    def steps_total(self) -> int:
        """Training steps planned, over all stages."""
        return sum(plan.epochs * plan.steps for plan in self.stages)

    def seconds_left(self) -> float | None:
        """Time left of what is under way, at the pace so far; None while nobody can know."""
        if self.progress is not None:
            done, total, since = self.progress.done, self.progress.total, self.progress_since
        else:
            done, total, since = self.steps_done, self.steps_total, self.training_since or 0.0
        if not done or not total or self.last_event <= since:
            return None
        return (self.last_event - since) / done * (total - done)

    @property
    def best_guess_map(self) -> float | None:
        """Mean of the latest mAP values, test before validation; None when there are none."""
        values = [
            value for name, value in (self.test or self.validation).items() if ":mAP@all @" in name
        ]
        return sum(values) / len(values) if values else None


def fold(found: list[AnyEvent]) -> RunState:
    """The state after all the given events."""
    state = RunState()
    for event in found:
        state.add(event)
    return state


def status(state: RunState, run: RunFolder, now: float | None = None) -> Status:
    """What the run is doing at this moment."""
    match state.ended:
        case events.Finished():
            return Status.FINISHED if run.result.is_file() else Status.LOST
        case events.Failed():
            return Status.FAILED
        case events.Stopped():
            return Status.STOPPED
        case None:
            return _without_end(state, now)


def _without_end(state: RunState, now: float | None) -> Status:
    if state.worker is None:
        return Status.QUEUED  # just made, or made by one who did not come to start it
    if not worker_lives(state, now):
        return Status.LOST
    if state.paused:
        return Status.PAUSED
    return Status.QUEUED if state.queued else Status.RUNNING


def worker_lives(state: RunState, now: float | None = None) -> bool:
    """Whether the process that last took the run is still that process.

    On another host only the heartbeat can tell.
    """
    worker = state.worker
    if worker is None or state.ended is not None:
        return False
    if worker.host != socket.gethostname():
        return abs((time.time() if now is None else now) - state.last_event) < BEAT_LOST_SECONDS
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(worker.pid)
        alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return bool(alive and abs(process.create_time() - worker.since) < 2.0)
    return False
