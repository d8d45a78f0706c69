"""The events of a run folded into one value. What follows from it is in `runs.status`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hashbench.runs import events
from hashbench.runs.events import AnyEvent, StagePlan
from hashbench.runs.pace import Pace
from hashbench.runs.warnings import WarningFold, rule_names

GAP_SECONDS = 10.0  # several beats; see `RunState.elapsed`
FEATURES_SHARE = 0.10  # of a run's `done`: what comes before the training, such as features
EVALUATION_SHARE = 0.05


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
    """Everything that a run's events say so far. `elapsed` counts seconds of work."""

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
    pace: Pace = field(default_factory=Pace)
    warned: WarningFold = field(default_factory=WarningFold)
    _saved: tuple[str | None, int, int] = (None, 0, 0)  # the checkpoint's stage, epoch and step

    def add(self, event: AnyEvent) -> None:
        """Takes one more event into account."""
        self._count_work(event)
        self.warned.add(event)
        match event:
            # who works at the run, and whether
            case events.Queued():
                self.queued, self.ended, self.paused = event, None, False
                self.facts.pop("slot", None)  # an earlier worker's
            case events.Started():
                self._start(event)
            case events.Paused():
                self.paused = True
            case events.Continued():
                self.paused = False
                self.pace.interrupt()
            case events.Stopped() | events.Failed() | events.Finished():
                self.ended = event
            # what is known of the run
            case events.Planned(stages=stages, sizes=sizes):
                self.stages = stages
                self.facts |= sizes
            case events.Fact(name=name, value=value):
                self.facts[name] = value
            case events.Note(text=text):
                self.notes.append(text)
            # how far it is
            case events.Progress(what=what, done=done):
                self.progress = event
                self.pace.report(what, self.elapsed, done)
            case events.StageBegan(stage=stage):
                if stage != self.stage:  # a resumed stage goes on from its checkpoint
                    self.epoch = self.step = 0
                self.stage, self.progress = stage, None
            case events.Loss(stage=stage, epoch=epoch, step=step, values=values):
                self._advance(stage, epoch, step)
                self.losses = values
            case events.EpochEnded(stage=stage, epoch=epoch, values=values):
                self._advance(stage, epoch + 1, 0)
                self.losses = values
            case events.Saved(stage=stage, epoch=epoch, step=step):
                # after the last stage the position is reset to 0, but the stage stays complete
                complete = stage == self.stage and epoch == step == 0
                self._saved = (stage, self.epoch if complete else epoch, step)
            # what it has reached
            case events.Scores(on="validation", values=values):
                self.validation = values
            case events.Scores(on="test", values=values):
                self.test = values
            case events.Monitors(values=values):
                self.monitors = self.monitors | values
            case events.Recovery(values=values):
                self.recovery = values
            case _:
                pass

    def _start(self, event: events.Started) -> None:
        self.queued, self.started = None, event
        self.ended, self.paused, self.progress = None, False, None
        self.facts |= event.facts
        self.pace.restart()
        if not event.resumed:
            self._saved = (None, 0, 0)
        self.stage, self.epoch, self.step = self._saved  # what came after it is done again

    def _advance(self, stage: str, epoch: int, step: int) -> None:
        self.stage, self.epoch, self.step, self.progress = stage, epoch, step, None
        self.pace.report(stage, self.elapsed, self.steps_done)

    def _count_work(self, event: AnyEvent) -> None:
        """Counts the seconds in which a worker lived and did not wait.

        It beats every two seconds, so that a longer gap, or one that goes backwards, is a clock
        that was set, a machine that slept, or a time without a worker.
        """
        gap = event.t - self.last_event
        working = self.started is not None and self.queued is None and not self.paused
        if working and 0 <= gap <= GAP_SECONDS:
            self.elapsed += gap
        self.last_event = event.t

    @property
    def worker(self) -> events.Queued | events.Started | None:
        """The process that last took the run."""
        return self.queued or self.started

    @property
    def epochs(self) -> int:
        """Planned epochs of the present stage."""
        return self.epochs_of(self.stage)

    def epochs_of(self, stage: str | None) -> int:
        """Planned epochs of a stage, 0 where there is no such plan."""
        return next((plan.epochs for plan in self.stages if plan.name == stage), 0)

    @property
    def steps_done(self) -> int:
        """Training steps done, over all stages."""
        return sum(done for done, _ in self._steps())

    @property
    def steps_total(self) -> int:
        """Training steps planned, over all stages."""
        return sum(total for _, total in self._steps())

    def _steps(self) -> list[tuple[int, int]]:
        """(done, planned) steps of each stage."""
        totals = [plan.epochs * plan.steps for plan in self.stages]
        names = [plan.name for plan in self.stages]
        if self.stage not in names:
            return [(0, total) for total in totals]
        at = names.index(self.stage)
        within = min(self.epoch * self.stages[at].steps + self.step, totals[at])
        done = [*totals[:at], within, *(0 for _ in totals[at + 1 :])]
        return list(zip(done, totals, strict=True))

    @property
    def trained(self) -> bool:
        """Whether all stages are over, so that only the evaluation is left."""
        if not self.stages or self.stage != self.stages[-1].name:
            return False
        return self.epoch >= self.stages[-1].epochs

    def share_done(self) -> float | None:
        """From 0 to 1: features, training, evaluation; None while nothing has begun."""
        if isinstance(self.ended, events.Finished):
            return 1.0
        if self.started is None:
            return None
        if self.trained:
            return 1.0 - EVALUATION_SHARE
        if self.stage is None or not self.stages:
            progress = self.progress
            if progress is None or not progress.total:
                return 0.0
            return FEATURES_SHARE * min(1.0, progress.done / progress.total)
        training = self.steps_done / (self.steps_total or 1)
        return FEATURES_SHARE + (1.0 - FEATURES_SHARE - EVALUATION_SHARE) * training

    def seconds_left(self) -> float | None:
        """Time left at the pace of the present worker: of the preparation under way, and of all
        training steps once one was timed. None while nobody can know.
        """
        left = 0.0
        progress = self.progress
        if progress is not None and progress.done < progress.total:
            pace = self.pace.seconds_per_unit(progress.what)
            if pace is None:
                return None
            left += pace * (progress.total - progress.done)
        latest: float | None = None  # later stages are taken to go as the latest one does
        for plan, (done, total) in zip(self.stages, self._steps(), strict=True):
            latest = self.pace.seconds_per_unit(plan.name) or latest
            if done < total and latest is not None:
                left += latest * (total - done)
        return left or None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The rules that spoke. The end of a run says which, in case that only a part of its events
        is folded here.
        """
        return rule_names(self.warned.warnings) if self.ended is None else self.ended.warnings

    @property
    def mean_map(self) -> float | None:
        """Mean of the latest mAP values, test before validation; None when there are none."""
        values = [
            value for name, value in (self.test or self.validation).items() if ":mAP@all @" in name
        ]
        return sum(values) / len(values) if values else None

    @property
    def scored_on(self) -> str:
        """What `mean_map` was computed on: test, validation, or empty."""
        return "test" if self.test else "validation" if self.validation else ""


def fold(all_events: Iterable[AnyEvent]) -> RunState:
    """The state after all the given events."""
    state = RunState()
    for event in all_events:
        state.add(event)
    return state
