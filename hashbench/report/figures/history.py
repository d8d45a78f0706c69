"""Figures of how training went: losses, validation mAP and recovered labels, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

from hashbench.errors import InputError
from hashbench.plan.directions import DIRECTIONS
from hashbench.report.figures.figure import Axis, Figure, Panel, Series, log_base
from hashbench.report.figures.groups import Group, groups, over_seeds, run_ids, shared_notes
from hashbench.report.rows import Collected
from hashbench.report.run_series import LOSSES, RECOVERY, SCORES, Curve, Curves, RunSeries
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all

EPOCHS = Axis("epoch", whole=True)
TOTAL = "total"  # the term that is minimised


def losses(collected: Collected) -> Figure:
    """A panel a stage: of one method all terms, of several the sum that each minimises."""
    shown = groups(collected, unfinished=True)
    histories = [[_history(run) for run in group.runs] for group in shown]
    stages: dict[str, list[Series]] = {}
    for group, runs in zip(shown, histories, strict=True):
        for name in _names(runs, LOSSES):
            stage, _, term = name.partition(" ")
            curves = [
                _within(run, stage, curve) for run in runs for curve in _of(run, LOSSES, name)
            ]
            if len(shown) == 1:
                stages.setdefault(stage, []).append(over_seeds(term, curves))
            elif term == TOTAL:
                stages.setdefault(stage, []).append(over_seeds(group.name, curves))
    panels = tuple(
        Panel(f"stage {stage}", EPOCHS, Axis("loss", base=log_base(series)), tuple(series))
        for stage, series in stages.items()
    )
    title = f"losses of {shown[0].name}" if len(shown) == 1 else "total losses"
    return _figure("losses", title, panels, shown, "of nothing that was trained")


def map_over_epochs(collected: Collected) -> Figure:
    """Validation mAP over the epochs since training began, a panel a direction."""
    shown = groups(collected, unfinished=True)
    series: dict[str, list[Series]] = {}
    marks: set[tuple[float, str]] = set()
    for group in shown:
        runs = [_history(run) for run in group.runs]
        marks |= set(runs[0].stages[1:]) if len(shown) == 1 else set()
        for name in _names(runs, SCORES):
            direction, _, bits = name.rpartition(" ")
            long = f"{group.name} {bits} bits" if len(group.spec.bits) > 1 else group.name
            curves = [curve for run in runs for curve in _of(run, SCORES, name)]
            series.setdefault(direction, []).append(over_seeds(long, curves, share=True))
    panels = tuple(
        Panel(
            DIRECTIONS[name].title if name in DIRECTIONS else name,
            EPOCHS,
            Axis("validation mAP"),
            tuple(lines),
            marks=tuple(sorted(marks)),
        )
        for name, lines in series.items()
    )
    return _figure("map-over-epochs", "validation mAP", panels, shown, "without validation scores")


def recovery(collected: Collected) -> Figure:
    """Precision and recall of recovered labels, and of similar pairs, over the epochs."""
    shown = groups(collected, unfinished=True)
    series: dict[str, list[Series]] = {}
    drawn = []
    for group in shown:
        runs = [_history(run) for run in group.runs]
        names = _names(runs, RECOVERY)
        drawn += [group] if names else []
        for name in names:
            panel = "similar pairs" if name.startswith("pairs ") else "labels"
            share = name.removeprefix("pairs ")
            line = over_seeds(
                f"{share}, {group.name}" if len(shown) > 1 else share,
                [curve for run in runs for curve in _of(run, RECOVERY, name)],
                share=True,
            )
            series.setdefault(panel, []).append(line)
    panels = tuple(
        Panel(name, EPOCHS, Axis("share", bounds=(0.0, 1.0)), tuple(lines))
        for name, lines in series.items()
    )
    figure = _figure("recovery", "recovered labels", panels, drawn, "that recovers labels")
    note = "the last point is of all training items, those before it of a watched sample"
    return Figure(figure.kind, figure.title, panels, (note, *figure.notes), figure.runs)


def _history(run: RunFolder) -> Curves:
    series = RunSeries(by_epochs=True)
    for event in read_all(run.events):
        series.add(event)
    return series.curves()


def _names(runs: Sequence[Curves], panel: str) -> list[str]:
    """The curves that all runs of a group have."""
    first, *others = ([curve.name for curve in run.panels.get(panel, ())] for run in runs)
    return [name for name in first if all(name in names for names in others)]


def _of(run: Curves, panel: str, name: str) -> list[Curve]:
    return [curve for curve in run.panels[panel] if curve.name == name]


def _within(run: Curves, stage: str, curve: Curve) -> Curve:
    """The curve over the epochs of its stage."""
    start = next((start for start, name in run.stages if name == stage), 0.0)
    return Curve(curve.name, tuple(x - start for x in curve.xs), curve.ys)


def _figure(
    kind: str, title: str, panels: tuple[Panel, ...], shown: Sequence[Group], missing: str
) -> Figure:
    if not any(one.xs for panel in panels for one in panel.series):
        raise InputError(f"the runs are {missing}", where=kind, remedy="name other runs")
    return Figure(kind, title, panels, tuple(shared_notes(shown)), run_ids(shown))
