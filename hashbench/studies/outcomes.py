"""What is compared: a metric of every query, or one value that a run wrote of itself.

mAP@all                      any name of `hashbench.metrics.metric`, from the run's codes
recovery precision           the latest recovery of labels: `recovery pairs recall`, ...
monitor bit balance          the last value of a monitor of a method
loss teacher Phi1            the mean of a loss over the last epoch of a stage
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashbench.errors import InputError
from hashbench.plan.directions import find_direction
from hashbench.runs import events
from hashbench.runs.tailer import read_all

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hashbench.report.rows import Finished
    from hashbench.runs.events import AnyEvent

    Values = NDArray[np.float64]

EVENTS = ("recovery", "monitor", "loss")
SHARES = (
    "precision", "recall", "pairs precision", "pairs recall",
    "uncertain pairs before", "uncertain pairs after",
)  # fmt: skip


def is_event(outcome: str) -> bool:
    """Whether a run has one value of it, which it wrote of itself."""
    return outcome.partition(" ")[0] in EVENTS


def in_points(outcome: str) -> bool:
    """Whether it is a share, whose differences are given in points of a hundred."""
    kind, _, name = outcome.partition(" ")
    shares = {
        "recovery": name in SHARES,
        "monitor": "mAP" in name or name.endswith(" pairs"),
    }
    return not is_event(outcome) or shares.get(kind, False)


def check(outcome: str, directions: Sequence[str], where: str) -> None:
    """Raises InputError for what is neither a metric nor a value of an event."""
    from hashbench.metrics.metric import parse_metric

    for direction in directions:
        find_direction(direction, where=where)
    if is_event(outcome):
        check_event(outcome, where)
    elif parse_metric(outcome, where).direction:
        raise InputError("names a direction", where=where, remedy='directions = ["i2t"]')


def check_event(outcome: str, where: str) -> None:
    """Raises InputError for what is no value of an event."""
    words = outcome.split()
    if not is_event(outcome) or len(words) < 2 + (words[0] == "loss"):
        raise InputError(
            f"{outcome!r} is nothing that runs write of themselves",
            where=where,
            remedy="recovery NAME, monitor NAME, or loss STAGE NAME",
        )


@dataclass(frozen=True, eq=False)
class Measured:
    """Values (Q,) of one run, and the ids of the queries; a single value has no id."""

    values: Values
    queries: tuple[str, ...] = ()


class Outcomes:
    """Outcomes of runs, each read and scored once."""

    def __init__(self) -> None:
        self._events: dict[str, list[AnyEvent]] = {}
        self._scores: dict[tuple[str, str, int, str], Measured] = {}

    def value(self, run: Finished, outcome: str) -> float | None:
        """A value that a run wrote of itself; None where it wrote none."""
        kind, _, name = outcome.partition(" ")
        stage, _, loss = name.partition(" ")
        found: float | None = None
        for event in self._events_of(run):
            match event:
                case events.Recovery() if kind == "recovery":
                    # the events of single epochs are of watched items alone, the last of all items
                    found = event.values.get(name, found)
                case events.Monitors() if kind == "monitor":
                    found = event.values.get(name, found)
                case events.EpochEnded() if kind == "loss" and event.stage == stage:
                    found = event.values.get(loss, found)
        return found

    def measured(
        self, run: Finished, outcome: str, bits: int, directions: Sequence[str]
    ) -> Measured | None:
        """The values of a run at one bit length, mean over directions; None where it has none.

        Raises DamagedFileError where codes cannot be read.
        """
        import numpy as np

        if is_event(outcome):
            value = self.value(run, outcome)
            return None if value is None else Measured(np.array([value]))
        wanted = directions or run.result.directions
        if not set(wanted) <= set(run.result.directions):
            return None
        parts = [self._scored(run, outcome, bits, direction) for direction in wanted]
        return Measured(np.mean([part.values for part in parts], axis=0), parts[0].queries)

    def mean(self, run: Finished, metric: str, directions: Sequence[str] = ()) -> float | None:
        """The metric of a run, mean over bit lengths and directions; None where it has none."""
        import numpy as np

        parts = [self.measured(run, metric, bits, directions) for bits in run.spec.bits]
        means = [float(np.nanmean(part.values)) for part in parts if part is not None]
        return sum(means) / len(means) if means else None

    def _scored(self, run: Finished, metric: str, bits: int, direction: str) -> Measured:
        from hashbench.codefiles.native import read_code_file
        from hashbench.metrics.metric import parse_metric
        from hashbench.metrics.ranking import evaluate

        key = (run.run.id, metric, bits, direction)
        if key not in self._scores:
            codes = read_code_file(run.run.codes / f"{bits}.npz")
            labels = codes.query_labels, codes.database_labels
            # one reading of the file serves all directions
            for one in run.result.directions:
                (score,) = evaluate(*codes.sides(one), *labels, [parse_metric(metric)])
                measured = Measured(score.per_query, tuple(codes.query_ids))
                self._scores[run.run.id, metric, bits, one] = measured
        return self._scores[key]

    def _events_of(self, run: Finished) -> list[AnyEvent]:
        if run.run.id not in self._events:
            self._events[run.run.id] = read_all(run.run.events)
        return self._events[run.run.id]
