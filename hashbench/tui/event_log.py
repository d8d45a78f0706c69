"""Events as lines that a person reads in the log panel."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hashbench.report.text import duration, plain
from hashbench.runs import events
from hashbench.runs.events import AnyEvent

INFO, WARNING, ERROR, OUTPUT = "info", "warning", "error", "output"


@dataclass(frozen=True)
class Line:
    """One line of the log panel; `level` is info, warning, error, or output of the worker."""

    text: str
    level: str = INFO


def told(event: AnyEvent) -> list[Line]:
    """What an event tells a person, as lines that begin with the time; most tell nothing."""
    level, text = INFO, ""
    match event:
        case events.Queued(pid=pid, host=host, priority=priority):
            text = f"worker {pid} on {host} waits in the queue, priority {priority}"
        case events.Started(pid=pid, host=host, resumed=resumed):
            text = f"worker {pid} on {host} {'resumes' if resumed else 'begins'}"
        case events.Planned(stages=stages):
            text = "planned: " + ", ".join(f"{s.name} {s.epochs} x {s.steps} steps" for s in stages)
        case events.StageBegan(stage=stage):
            text = f"stage {stage} begins"
        case events.EpochEnded(stage=stage, epoch=epoch, values=values, seconds=seconds):
            text = f"{stage} epoch {epoch + 1} in {seconds:.1f} s: {_numbers(values)}"
        case events.Scores(on=on, values=values):
            maps = {name.partition(":")[0]: v for name, v in values.items() if ":mAP@all @" in name}
            text = f"{on} mAP: {_numbers(maps or values)}"
        case events.Recovery(values=values):
            text = f"recovered labels: {_numbers(values)}"
        case events.Saved(stage=stage, epoch=epoch, step=step):
            text = f"saved at {stage} epoch {epoch} step {step}"
        case events.Note(level="warning", text=note):
            level, text = WARNING, f"warning: {note}"
        case events.Note(text=note):
            text = note
        case events.Paused():
            text = "paused, state saved"
        case events.Continued():
            text = "goes on"
        case events.Stopped(reason=reason):
            level, text = WARNING, f"stopped: {reason}; the state is saved"
        case events.Failed(reason=reason, remedy=remedy, detail=detail):
            level = ERROR
            text = "\n".join(
                part
                for part in (f"failed: {reason}", remedy and f"remedy: {remedy}", detail)
                if part
            )
        case events.Finished(seconds=seconds):
            text = f"finished in {duration(seconds)}"
        case _:
            return []
    first, *rest = text.splitlines()
    clock = time.strftime("%H:%M:%S", time.localtime(event.t))
    return [
        Line(f"{clock} {plain(first)}", level),
        *(Line(f"         {plain(line)}", level) for line in rest),
    ]


def _numbers(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
