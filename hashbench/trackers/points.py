"""The events of a run -> the numbers that trackers take: a step, and values by name."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.state import RunState


@dataclass(frozen=True)
class Point:
    """`values` at a training step, counted through all stages; `time` is Unix time in seconds."""

    step: int
    time: float
    values: dict[str, float]


class PointReader:
    """Makes points of events, one after the other.

    A resumed run repeats the steps behind its checkpoint to the same bits; of such a number only
    the first one is kept, so that the steps of every name rise.
    """

    def __init__(self) -> None:
        self.state = RunState()
        self._last: dict[str, int] = {}

    def read(self, event: AnyEvent) -> Point | None:
        """The numbers of an event; None where it has no new ones."""
        self.state.add(event)
        step = self.state.steps_done
        values = {
            name: value
            for name, value in _numbers(event).items()
            if value is not None and math.isfinite(value) and self._last.get(name, -1) < step
        }
        self._last |= dict.fromkeys(values, step)
        return Point(step, event.t, values) if values else None


def _numbers(event: AnyEvent) -> dict[str, float]:
    """Values by name: `loss/student/total`, `validation/i2t:mAP@all @32`, `monitor/balance`."""
    match event:
        case events.Loss(stage=stage, values=values):
            prefix = f"loss/{stage}"
        case events.EpochEnded(stage=stage, values=values):
            prefix = f"epoch loss/{stage}"
        case events.Scores(on=on, values=values):
            prefix = on
        case events.Monitors(values=values):
            prefix = "monitor"
        case events.Recovery(values=values):
            prefix = "recovery"
        case _:
            return {}
    return {f"{prefix}/{name}": value for name, value in values.items()}
