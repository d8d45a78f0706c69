"""Events as lines that a person reads: the same in the terminal and in the workbench's log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hashbench.report.text import duration, plain
from hashbench.report.warnings import fresh_warnings, sentences
from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.state import RunState

Level = Literal["info", "warning", "error", "output"]


@dataclass(frozen=True)
class Line:
    """One line of a log; `output` is what the worker printed."""

    text: str
    level: Level = "info"


def narrate(event: AnyEvent, state: RunState) -> list[Line]:
    """What an event says to a person, most often one line; beats, facts and steps say nothing.

    `state` holds the event already. Lines after the first belong to it and are indented.
    """
    level, text = _sentence(event, state)
    first, *rest = text.splitlines() or [""]
    lines = [first, *(f"  {line}" for line in rest)] if text else []
    return [*(Line(plain(line), level) for line in lines), *narrate_warnings(event, state)]


def narrate_warnings(event: AnyEvent, state: RunState) -> list[Line]:
    """What the rules of `runs.warning_rules` say on an event, and what to try."""
    lines = []
    for warning in fresh_warnings(event, state):
        text, advice = sentences(warning)
        lines += [Line(plain(text), "warning"), Line(plain(f"  {advice}"), "warning")]
    return lines


def _sentence(event: AnyEvent, state: RunState) -> tuple[Level, str]:
    level: Level = "info"
    text = ""
    match event:
        # the worker
        case events.Queued(pid=pid, host=host, priority=priority):
            text = f"worker {pid} on {host} waits in the queue, priority {priority}"
        case events.Started(pid=pid, host=host, resumed=resumed, facts=facts):
            text = f"worker {pid} on {host} {'resumes' if resumed else 'starts'}"
            text += f", {facts['preset']} preset" if "preset" in facts else ""
        case events.Paused():
            text = "paused, the state is saved"
        case events.Continued():
            text = "continued"
        # the training
        case events.Planned(stages=stages):
            plans = (f"{plan.name} {plan.epochs} x {plan.steps} steps" for plan in stages)
            text = "planned: " + ", ".join(plans)
        case events.StageBegan(stage=stage):
            text = _stage_title(stage, state)
        case events.EpochEnded(stage=stage, epoch=epoch, values=values, seconds=seconds):
            epochs = state.epochs_of(stage)
            of = f" of {epochs}" if epochs else ""
            text = f"{stage} epoch {epoch + 1}{of} in {seconds:.1f} s: {numbers(values)}"
        case events.Scores(on=on, values=values):
            text = f"{on} mAP: {numbers(mean_average_precisions(values) or values)}"
        case events.Monitors(stage=stage, epoch=epoch, values=values) if (
            epoch == state.epochs_of(stage)  # those of a whole stage; panels draw the others
        ):
            text = f"after {stage}: {numbers(values)}"
        case events.Recovery(values=values):
            text = f"recovered labels: {numbers(values)}"
        case events.Saved(stage=stage, epoch=epoch, step=step):
            text = "checkpoint saved"  # as a stage begins or has ended, which other lines say
            if step:
                text += f" in {stage} epoch {epoch + 1}"
            elif epoch:
                text += f" after {stage} epoch {epoch}"
        case events.Note(level="warning", text=note):
            level, text = "warning", f"warning: {note}"
        case events.Note(text=note):
            text = note
        # the end
        case events.Stopped(reason=reason):
            level, text = "warning", f"stopped: {reason}; the state is saved"
        case events.Failed(reason=reason, remedy=remedy, detail=detail):
            parts = (f"failed: {reason}", f"remedy: {remedy}" if remedy else "", detail)
            level, text = "error", "\n".join(part for part in parts if part)
        case events.Finished(seconds=seconds):
            text = f"finished in {duration(seconds)}"
        case events.Notified(action=action, problem=""):
            text = f"on finish: {action}"
        case events.Notified(action=action, problem=problem):
            level, text = "warning", f"warning: on finish: {action}: {problem}"
        case _:
            pass
    return level, text


def _stage_title(stage: str, state: RunState) -> str:
    """The stage's name, title and size."""
    for plan in state.stages:
        if plan.name == stage:
            size = f", {plan.epochs} epochs of {plan.steps} steps" if plan.epochs else ""
            named = plan.title.lower().startswith(stage.lower())
            return ("" if named else f"{stage}: ") + plan.title + size
    return f"stage {stage}"


def mean_average_precisions(values: dict[str, float]) -> dict[str, float]:
    """`i2t:mAP@all @32` -> `i2t 32`: the scores that progress is watched by."""
    return {
        name.replace(":mAP@all @", " "): value
        for name, value in values.items()
        if ":mAP@all @" in name
    }


def numbers(values: dict[str, float]) -> str:
    """`name 0.1234  other 12`."""
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
