"""Runs of one figure in groups: equal but for the seed, named by what differs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from hashbench.errors import InputError
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec
from hashbench.report.comparison import marks_of
from hashbench.report.figures.figure import Series
from hashbench.report.naming import short_names
from hashbench.report.rows import Collected, Condition, Finished
from hashbench.report.run_series import Curve
from hashbench.report.text import plain
from hashbench.runs.layout import RunFolder

LEVEL = 0.95
INTERVAL_NOTE = "mean over seeds, with its 95 % interval (Student's t)"


@dataclass(frozen=True)
class Group:
    """Runs that are equal but for the seed, the latest of each seed, lowest seed first.

    A name ends with `!` where `marks` say what is special about its numbers.
    """

    name: str
    spec: RunSpec
    runs: tuple[RunFolder, ...]
    marks: tuple[str, ...]
    condition: Condition | None


def groups(collected: Collected, *, unfinished: bool = False) -> list[Group]:
    """The groups, in the order of their first runs. Raises InputError where there is none.

    With `unfinished`, runs without a result count, too; a run's history needs no result.
    """
    members: dict[tuple[str, Condition | None], dict[int, tuple[RunFolder, RunSpec]]] = {}
    marks: dict[tuple[str, Condition | None], set[str]] = {}
    opened: list[tuple[RunFolder, RunSpec, Finished | None]] = [
        (one.run, one.spec, one) for one in collected.finished
    ]
    if unfinished:
        opened += [(one.run, specs.read(one.run.spec), None) for one in collected.unfinished]
    # a seed that was run twice counts once, with its latest run, as in tables
    for run, spec, finished in sorted(opened, key=lambda one: one[0].id):
        condition = finished.condition if finished is not None and not unfinished else None
        key = msgspec.structs.replace(spec, seed=0).hash, condition
        members.setdefault(key, {})[spec.seed] = run, spec
        marks.setdefault(key, set()).update(marks_of(finished) if finished else ())
    if not members:
        raise InputError(
            "there is no run to draw" if unfinished else "there is no finished run to draw",
            remedy="`hashbench ls` lists runs, `hashbench run` makes one",
        )
    neutral = [
        msgspec.structs.replace(next(iter(by_seed.values()))[1], seed=0)
        for by_seed in members.values()
    ]
    return [
        Group(
            name=plain(name) + (" !" if marks[key] else ""),
            spec=spec,
            runs=tuple(by_seed[seed][0] for seed in sorted(by_seed)),
            marks=tuple(sorted(marks[key])),
            condition=key[1],
        )
        for (key, by_seed), name, spec in zip(
            members.items(), short_names(neutral), neutral, strict=True
        )
    ]


def shared_notes(shown: Sequence[Group], *, averaged: bool = True) -> list[str]:
    """What holds of a whole figure: the intervals over seeds where those are `averaged`, what keeps
    groups apart, and the marks.
    """
    notes = [INTERVAL_NOTE] if averaged and any(len(one.runs) > 1 for one in shown) else []
    first = shown[0].condition
    apart = {
        reason
        for one in shown[1:]
        if first is not None and one.condition is not None
        for reason in first.differences(one.condition)
    }
    if apart:
        notes.append(f"not to be ranked, since runs differ in {', '.join(sorted(apart))}")
    return [*notes, *(f"{one.name}: {'; '.join(one.marks)}" for one in shown if one.marks)]


def run_ids(shown: Sequence[Group]) -> tuple[str, ...]:
    """The ids of all runs of the groups."""
    return tuple(run.id for one in shown for run in one.runs)


def seed_interval(values: Sequence[float], *, share: bool) -> tuple[float, float, float]:
    """(mean, low, high) over seeds: the 95 % interval of the mean by Student's t with one degree of
    freedom less than there are values; a single value has no width. Of a `share`, what lies outside
    of 0 to 1 is cut off.
    """
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, mean, mean
    from scipy.special import stdtrit

    error = statistics.stdev(values) / len(values) ** 0.5
    half = float(stdtrit(len(values) - 1, 0.5 + LEVEL / 2)) * error
    low, high = mean - half, mean + half
    return (mean, max(0.0, low), min(1.0, high)) if share else (mean, low, high)


def over_seeds(name: str, curves: Sequence[Curve], *, share: bool = False) -> Series:
    """The mean of curves at the x that all of them have, with intervals where there are several."""
    by_x = [dict(zip(curve.xs, curve.ys, strict=True)) for curve in curves]
    xs = tuple(x for x in curves[0].xs if all(x in one for one in by_x))
    found = [seed_interval([one[x] for one in by_x], share=share) for x in xs]
    series = Series(name, xs, tuple(mean for mean, _, _ in found), runs=len(curves))
    if len(curves) < 2:
        return series
    low, high = tuple(low for _, low, _ in found), tuple(high for _, _, high in found)
    return Series(name, xs, series.ys, low, high, len(curves))
