"""What a run is doing: its events folded into one value, and whether its worker lives.

Status is derived, never stored. A run is finished only when an event says so.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hashbench.runs import events, processes
from hashbench.runs.events import AnyEvent, StagePlan
from hashbench.runs.layout import RunFolder

BEAT_LOST_SECONDS = 30.0  # only judged so where the worker's host is another one
GAP_SECONDS = 10.0  # several beats; see `RunState.elapsed`


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
    """All that a run's events have told so far. `elapsed` counts seconds of work."""

    queued: events.Queued | None = None  # the worker that waits for a slot
    started: events.Started | None = None
    last_event: float = 0.0
    elapsed: float = 0.0
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
    notes: list[str] = field(default_factory=list)
    ended: events.Stopped | events.Failed | events.Finished | None = None
    paused: bool = False
    _paced_from: tuple[float, int] | None = None

    def add(self, event: AnyEvent) -> None:
        """Takes one more event into account."""
        self._tick(event)
        match event:
            case events.Queued():
                self.queued, self.ended, self.paused = event, None, False
                self.facts.pop("slot", None)  # an earlier worker's
            case events.Started():
                self.queued, self.started = None, event
                self.ended, self.paused = None, False
                self._paced_from = None
                self.facts |= event.facts
            case events.Planned(stages=stages, sizes=sizes):
                self.stages = stages
                self.facts |= sizes
            case events.Fact(name=name, value=value):
                self.facts[name] = value
            case events.Progress(what=what):
                if self.progress is None or self.progress.what != what:
                    self._paced_from = (self.elapsed, event.done)
                self.progress = event
            case events.StageBegan(stage=stage):
                self.stage, self.epoch, self.step, self.progress = stage, 0, 0, None
                self._paced_from = None
            case events.Loss(stage=stage, epoch=epoch, step=step, values=values):
                self.stage, self.epoch, self.step, self.losses = stage, epoch, step, values
                self._pace()
                self.progress = None
            case events.EpochEnded(stage=stage, epoch=epoch, values=values):
                self.stage, self.epoch, self.step, self.losses = stage, epoch + 1, 0, values
                self._pace()
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

    def _tick(self, event: AnyEvent) -> None:
        """Counts the seconds in which a worker lived and did not wait.

        It beats every two seconds, so that a longer gap, or one that goes backwards, is a clock
        that was set, a machine that slept, or a time without a worker.
        """
        gap = event.t - self.last_event
        working = self.started is not None and self.queued is None and not self.paused
        if working and 0 <= gap <= GAP_SECONDS:
            self.elapsed += gap
        self.last_event = event.t

    def _pace(self) -> None:
        """Steps are timed from the first that a worker tells of, which it need not have done."""
        if self._paced_from is None or self.progress is not None:
            self._paced_from = (self.elapsed, self.steps_done)

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
            done, total = self.progress.done, self.progress.total
        else:
            done, total = self.steps_done, self.steps_total
        if self._paced_from is None or not total:
            return None
        since, before = self._paced_from
        if done <= before or self.elapsed <= since:
            return None
        return max(0.0, (self.elapsed - since) / (done - before) * (total - done))

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
    waits = state.queued is not None and "slot" not in state.facts
    return Status.QUEUED if waits else Status.RUNNING


def worker_lives(state: RunState, now: float | None = None) -> bool:
    """Whether the process that last took the run is still that process.

    On another host only the heartbeat can tell.
    """
    worker = state.worker
    if worker is None or state.ended is not None:
        return False
    if worker.host != socket.gethostname():
        return abs((time.time() if now is None else now) - state.last_event) < BEAT_LOST_SECONDS
    return processes.lives(worker)
