"""The rules of `runs.warning_rules` folded over a run's events.

What is warned of follows from the events alone, so that whoever reads a run, while it trains or
years later, sees the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from hashbench.runs import events
from hashbench.runs.events import AnyEvent
from hashbench.runs.tailer import Tailer
from hashbench.runs.warning_rules import RECOVERY_FIGURES, RULES, VALIDATION_MAP, Reading, Rule


class RunWarning(msgspec.Struct, frozen=True):
    """A rule that spoke: where in the training, also in words, and when (Unix time).

    `value` was held against the threshold; `seq` is that of the event whose figure decided.
    """

    rule: str
    figure: str
    stage: str
    epoch: int
    where: str
    t: float
    seq: int
    value: float
    threshold: float
    text: str
    advice: str


@dataclass
class WarningFold:
    """Takes events, keeps the figures that rules read, and gathers what they say.

    A rule speaks once in a stage. Epochs that a resumed run does again take the place of what they
    repeat.
    """

    warnings: list[RunWarning] = field(default_factory=list)
    _epochs: dict[str, int] = field(default_factory=dict)  # planned, by stage
    _series: dict[tuple[str, str], tuple[list[int], list[float]]] = field(default_factory=dict)
    _latest: dict[str, dict[str, float]] = field(default_factory=dict)
    _said: set[tuple[str, str]] = field(default_factory=set)

    def add(self, event: AnyEvent) -> None:
        """Takes one more event into account."""
        match event:
            case events.Planned(stages=stages):
                self._epochs = {plan.name: plan.epochs for plan in stages}
            case events.EpochEnded(values=values) | events.Monitors(values=values):
                self._read(event, values)
            case events.Scores(on="validation", values=values):
                scores = [value for name, value in values.items() if ":mAP@all @" in name]
                if scores:
                    self._read(event, {VALIDATION_MAP: sum(scores) / len(scores)})
            case events.Recovery(values=values):
                self._read(event, {RECOVERY_FIGURES.get(k, k): v for k, v in values.items()})
            case _:
                pass

    def _read(
        self,
        event: events.EpochEnded | events.Monitors | events.Scores | events.Recovery,
        values: Mapping[str, float],
    ) -> None:
        latest = self._latest.setdefault(event.stage, {})
        latest.update(values)
        for figure, value in values.items():
            rules = _BY_FIGURE.get(figure)
            if rules is None or not math.isfinite(value):
                continue
            epochs, series = self._series.setdefault((event.stage, figure), ([], []))
            while epochs and epochs[-1] >= event.epoch:
                epochs.pop()
                series.pop()
            epochs.append(event.epoch)
            series.append(value)
            reading = Reading(series, self._epochs.get(event.stage, 0), latest)
            for rule in rules:
                self._ask(rule, figure, reading, event)

    def _ask(
        self,
        rule: Rule,
        figure: str,
        reading: Reading,
        event: events.EpochEnded | events.Monitors | events.Scores | events.Recovery,
    ) -> None:
        """Adds a warning where the rule has one and has not spoken in this stage yet."""
        said = (rule.name, event.stage)
        if said in self._said or event.stage in rule.not_in:
            return
        measured = rule.measure(reading)
        if measured is None or not rule.broken(measured):
            return
        self._said.add(said)
        text = rule.sentence.format(now=reading.now, measured=measured)
        self.warnings.append(
            RunWarning(
                rule=rule.name,
                figure=figure,
                stage=event.stage,
                epoch=event.epoch,
                where=self._where(event.stage, event.epoch),
                t=event.t,
                seq=event.seq,
                value=measured,
                threshold=rule.threshold,
                text=text,
                advice=rule.advice,
            )
        )

    def _where(self, stage: str, epoch: int) -> str:
        """An epoch in words; what comes once, when the stage is over, has its number of epochs."""
        over = epoch >= self._epochs.get(stage, epoch + 1)
        return f"after {stage}" if over else f"{stage} epoch {epoch + 1}"


def warnings_in(path: Path) -> list[RunWarning]:
    """What the rules say of a file of events, in order. Raises OSError where it cannot be read."""
    tailer, warned = Tailer(path), WarningFold()
    while fresh := tailer.poll():
        for event in fresh:
            warned.add(event)
    return warned.warnings


def rule_names(warnings: Iterable[RunWarning]) -> tuple[str, ...]:
    """The rules that spoke, each once, in the order in which they did."""
    return tuple(dict.fromkeys(warning.rule for warning in warnings))


_BY_FIGURE: dict[str, list[Rule]] = {
    figure: [rule for rule in RULES if figure in rule.figures]
    for figure in dict.fromkeys(figure for rule in RULES for figure in rule.figures)
}
