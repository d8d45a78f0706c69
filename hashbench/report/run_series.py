"""A run's numbers over its training steps, of bounded size, ready to be drawn."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hashbench.report.text import WARNED
from hashbench.runs import events
from hashbench.runs.events import AnyEvent, StagePlan
from hashbench.runs.warnings import RunWarning

CAPACITY = 1024  # points a series keeps; a panel of 250 columns draws 500

LOSSES, SCORES, RECOVERY, MONITORS = "losses", "mAP", "recovery", "monitors"
PANELS = (LOSSES, SCORES, RECOVERY, MONITORS)
CPU, MEMORY, GPU, HEAT = "cpu", "memory", "gpu", "heat"
MACHINE_PANELS = (CPU, MEMORY, GPU, HEAT)
GIB = 2.0**30
RESUME_SIGN = "↻"
SHARES = ("precision", "recall")  # the rest of a recovery are counts


class Series:
    """Points (x, y) with rising x, at most CAPACITY of them.

    When it is full, neighbours are averaged in pairs, so old points grow coarser and new ones stay
    as they come. A point that is not beyond the last one (a resumed run) takes what it repeats off
    the end. Values that are not finite are left out.
    """

    __slots__ = ("xs", "ys")

    def __init__(self) -> None:
        self.xs = array("d")
        self.ys = array("d")

    def __len__(self) -> int:
        return len(self.xs)

    def add(self, x: float, y: float) -> None:
        """Adds a point."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        xs, ys = self.xs, self.ys
        while xs and xs[-1] >= x:
            xs.pop()
            ys.pop()
        if len(xs) >= CAPACITY:
            self.xs = xs = _halved(xs)
            self.ys = ys = _halved(ys)
        xs.append(x)
        ys.append(y)


def _halved(values: array[float]) -> array[float]:
    """Means of neighbours; the last one stays where their number is odd."""
    last = len(values) - 1
    return array("d", ((values[i] + values[min(i + 1, last)]) / 2 for i in range(0, last + 1, 2)))


@dataclass(frozen=True)
class Curve:
    """One line to draw: its name, and its points as they were when it was taken. `spans` are
    intervals, one a point; empty where there are none.
    """

    name: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    spans: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Mark:
    """Something that happened at a place on the x axis: `sign` stands in the chart, `text` is read
    under the cursor.
    """

    x: float
    sign: str
    text: str


@dataclass(frozen=True)
class StageSpan:
    """A stage on the x axis: so many epochs of so many steps. One that is not `trained` takes the
    room of an epoch.
    """

    name: str
    steps: int
    epochs: int
    trained: bool = True


@dataclass(frozen=True)
class Curves:
    """All lines of one run by panel; `stages` marks (step, title) where a stage begins, `marks`
    resumes and warnings. `spans` are all stages, `clock` the seconds of work (y) at steps (x).
    `machine` are the lines of MACHINE_PANELS, whose x are seconds of work: they begin before the
    first step and go on after the last.
    """

    panels: dict[str, tuple[Curve, ...]] = field(default_factory=dict)
    stages: tuple[tuple[float, str], ...] = ()
    marks: tuple[Mark, ...] = ()
    spans: tuple[StageSpan, ...] = ()
    clock: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    machine: dict[str, tuple[Curve, ...]] = field(default_factory=dict)


class RunSeries:
    """Gathers the series of one run out of its events.

    x are training steps; `by_epochs` makes it epochs, and of losses only their means over epochs
    count, so that runs of other seeds have the same x.
    """

    def __init__(self, *, by_epochs: bool = False) -> None:
        self._by_epochs = by_epochs
        self._plans: tuple[StagePlan, ...] = ()
        self._panels: dict[str, dict[str, Series]] = {panel: {} for panel in PANELS}
        self._machine: dict[str, dict[str, Series]] = {panel: {} for panel in MACHINE_PANELS}
        self._clock = Series()
        self._resumes: list[Mark] = []
        self._resumed = False
        self._elapsed = 0.0

    def add(self, event: AnyEvent, elapsed: float = 0.0) -> bool:
        """Takes one event into account; returns whether it has numbers to draw. `elapsed` are the
        seconds of work so far.
        """
        self._elapsed = elapsed
        match event:
            case events.Started(resumed=resumed):
                self._resumed = resumed
                return False
            case events.Planned(stages=stages):
                self._plans = stages
                return True
            case events.Loss() if self._by_epochs:
                return False
            case events.Loss(stage=stage, epoch=epoch, step=step, values=values):
                self._add(LOSSES, stage, self._x(stage, epoch, step), values)
            case events.EpochEnded(stage=stage, epoch=epoch, values=values):
                self._add(LOSSES, stage, self._x(stage, epoch + 1), values)
            case events.Scores(on="validation", stage=stage, epoch=epoch, values=values):
                named = {_short(name): value for name, value in values.items()}
                self._add(SCORES, "", self._x(stage, epoch + 1), named)
            case events.Recovery(stage=stage, epoch=epoch, values=values):
                shares = {name: v for name, v in values.items() if name.endswith(SHARES)}
                self._add(RECOVERY, "", self._x(stage, epoch + 1), shares)
            case events.Monitors(stage=stage, epoch=epoch, values=values):
                self._add(MONITORS, "", self._x(stage, epoch + 1), values)
            case events.MachineUse():
                self._add_machine(event)
            case _:
                return False
        return True

    def _add(self, panel: str, stage: str, x: float, values: dict[str, float]) -> None:
        by_name = self._panels[panel]
        for name, value in values.items():
            key = f"{stage} {name}".strip()
            if (series := by_name.get(key)) is None:
                series = by_name[key] = Series()
            series.add(x, value)
        if self._resumed:
            self._resumed = False
            self._resumes.append(Mark(x, RESUME_SIGN, "resumed"))
        if not self._clock.xs or self._clock.xs[-1] != x:
            self._clock.add(x, self._elapsed)

    def _add_machine(self, use: events.MachineUse) -> None:
        for panel, values in machine_values(use).items():
            for name, value in values.items():
                self._machine[panel].setdefault(name, Series()).add(self._elapsed, value)

    def _x(self, stage: str, epoch: int, step: int = 0) -> float:
        """Steps since the first stage began; an epoch counts as one where no plan is known."""
        offset = 0
        for plan in self._plans:
            steps = self._steps(plan)
            if plan.name == stage:
                return offset + min(epoch * steps + step, max(1, plan.epochs) * steps)
            offset += max(1, plan.epochs) * steps
        return offset + epoch + 1 - 1 / (1 + step)

    def curves(self, warnings: Iterable[RunWarning] = ()) -> Curves:
        """What was gathered so far, as values that do not change; `warnings` become marks."""
        warned = (Mark(self._x(one.stage, one.epoch + 1), WARNED, one.rule) for one in warnings)
        return Curves(
            _lines(self._panels),
            tuple(self._stage_starts()),
            marks=(*self._resumes, *warned),
            spans=tuple(
                StageSpan(p.name, max(1, p.steps), max(1, p.epochs), p.epochs > 0)
                for p in self._plans
            ),
            clock=(tuple(self._clock.xs), tuple(self._clock.ys)),
            machine=_lines(self._machine),
        )

    def _stage_starts(self) -> Iterable[tuple[float, str]]:
        offset = 0
        for plan in self._plans:
            yield float(offset), plan.name
            offset += max(1, plan.epochs) * self._steps(plan)

    def _steps(self, plan: StagePlan) -> int:
        """How far x goes in an epoch."""
        return 1 if self._by_epochs else max(1, plan.steps)


def _lines(panels: Mapping[str, Mapping[str, Series]]) -> dict[str, tuple[Curve, ...]]:
    return {
        panel: tuple(Curve(name, tuple(one.xs), tuple(one.ys)) for name, one in named.items())
        for panel, named in panels.items()
        if named
    }


def machine_values(use: events.MachineUse) -> dict[str, dict[str, float]]:
    """Panel -> line -> value: cores, GiB, per cent, degrees Celsius and watts."""
    values: dict[str, dict[str, float]] = {
        CPU: {"cores": use.cpu},
        MEMORY: {"GB": use.memory / GIB},
        GPU: {},
        HEAT: {},
    }
    for gpu in use.gpus:
        name = f"gpu{gpu.index}"
        if gpu.load is not None:
            values[GPU][f"{name} load %"] = 100 * gpu.load
        if gpu.memory is not None and gpu.total:
            values[GPU][f"{name} memory %"] = 100 * gpu.memory / gpu.total
        if gpu.temperature is not None:
            values[HEAT][f"{name} °C"] = gpu.temperature
        if gpu.power is not None:
            values[HEAT][f"{name} W"] = gpu.power
    return values


def _short(name: str) -> str:
    """`i2t:mAP@all @32` -> `i2t 32`; what is not mAP@all keeps its metric."""
    direction, _, rest = name.partition(":")
    metric, _, bits = rest.partition(" @")
    return f"{direction} {bits}" if metric == "mAP@all" else f"{direction} {metric} {bits}"


def smoothed(ys: tuple[float, ...], weight: float) -> tuple[float, ...]:
    """Exponential moving average with the start corrected; weight 0 changes nothing.

    s_t = weight s_(t-1) + (1 - weight) y_t, divided by 1 - weight^t.
    """
    if not weight:
        return ys
    mean, share, means = 0.0, 1.0, []
    for y in ys:
        mean = weight * mean + (1 - weight) * y
        share *= weight
        means.append(mean / (1 - share))
    return tuple(means)
