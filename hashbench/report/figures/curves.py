"""Figures from codes: precision and recall within Hamming radii, and AP by class."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hashbench.plan.directions import DIRECTIONS, REPORTED, directions_of
from hashbench.report.figures.figure import Axis, Figure, Panel, Series
from hashbench.report.figures.groups import (
    Group,
    groups,
    over_seeds,
    run_ids,
    shared_notes,
)
from hashbench.report.progress import Progress, part, silent
from hashbench.report.rows import Collected
from hashbench.report.run_curves import class_values, curves
from hashbench.report.run_series import Curve

if TYPE_CHECKING:
    from hashbench.codefiles.native import CodeSet

MOST_CLASSES = 30
MOST_BARS = 80  # of a panel that one page carries
FEWEST_CLASSES = 5  # however many bars each has
SEED = 0  # of the resampled queries: the same runs have the same figure


def precision(
    collected: Collected, over: Literal["recall", "radius"], progress: Progress = silent
) -> Figure:
    """Precision over recall, or over the Hamming radius, a panel a direction; queries whose ball is
    empty do not count at its radius.
    """
    shown = groups(collected)
    panels: dict[str, list[Series]] = {}
    done, total = 0, sum(len(group.runs) for group in shown)
    for group in shown:
        by_task: dict[tuple[int, str], list[dict[str, Any]]] = {}
        for run in group.runs:
            for line in curves(run)["curves"]:
                by_task.setdefault((line["bits"], line["direction"]), []).append(line)
            progress(done := done + 1, total)
        for (bits, direction), lines in by_task.items():
            name = f"{group.name} {bits} bits" if len(group.spec.bits) > 1 else group.name
            panels.setdefault(direction, []).append(_over(name, lines, over))
    bounds = (0.0, 1.0) if over == "recall" else None
    axis = Axis(
        "recall" if over == "recall" else "Hamming radius", bounds=bounds, whole=over == "radius"
    )
    drawn = tuple(
        Panel(DIRECTIONS[name].title, axis, Axis("precision"), tuple(series))
        for name, series in panels.items()
    )
    return Figure(
        f"precision-{over}", f"precision over {axis.label}", drawn,
        tuple(shared_notes(shown)), run_ids(shown),
    )  # fmt: skip


def _over(name: str, lines: Sequence[dict[str, Any]], over: str) -> Series:
    """The mean over seeds at each radius that all of them have."""
    radii = [tuple(map(float, line["radius"])) for line in lines]
    precision = over_seeds(
        name,
        [Curve(name, xs, tuple(line["precision"])) for xs, line in zip(radii, lines, strict=True)],
        share=True,
    )
    if over == "radius":
        return precision
    recall = over_seeds(
        name,
        [Curve(name, xs, tuple(line["recall"])) for xs, line in zip(radii, lines, strict=True)],
    )
    return Series(name, recall.ys, precision.ys, precision.low, precision.high, len(lines))


def per_class(collected: Collected, progress: Progress = silent) -> Figure:
    """Mean AP over the queries of each class, those with most queries first, with intervals by
    resampling queries; of several seeds, a query counts with its mean.
    """
    shown = groups(collected)
    sets = [(group, list(_code_sets(group))) for group in shown]
    directions = [d for d in REPORTED if any(d in directions_of(set(c[0].query)) for _, c in sets)]
    lengths = sorted({codes.bits for _, all_codes in sets for codes in all_codes})
    tasks = list(itertools.product(directions, lengths))
    panels, hidden = [], 0
    for number, (direction, bits) in enumerate(tasks):
        panel, left_out = _class_panel(sets, direction, bits, part(progress, number, len(tasks)))
        hidden = max(hidden, left_out)
        panels.append(panel)
    notes = ["AP of queries of a class; intervals: 95 %, queries resampled (BCa bootstrap)"]
    notes += [f"{hidden} classes with fewer queries are left out"] if hidden else []
    notes += shared_notes(shown, averaged=False)
    return Figure("per-class", "AP by class", tuple(panels), tuple(notes), run_ids(shown))


def _code_sets(group: Group) -> Iterator[CodeSet]:
    from hashbench.codefiles.native import read_codes

    for run in group.runs:
        yield from read_codes(run.codes)


def _class_panel(
    sets: Sequence[tuple[Group, list[CodeSet]]], direction: str, bits: int, progress: Progress
) -> tuple[Panel, int]:
    """One direction and length, and how many classes were left out."""
    import numpy as np

    found = []
    for number, (group, all_codes) in enumerate(sets):
        progress(number, len(sets))
        fitting = [codes for codes in all_codes if codes.bits == bits]
        fitting = [codes for codes in fitting if direction in directions_of(set(codes.query))]
        if fitting:
            of = [class_values(codes, direction) for codes in fitting]
            found.append((group, of[0], np.mean([one.values for one in of], axis=0), len(of)))
    counts: dict[str, int] = {}
    for _, of_first, _, _ in found:
        for name, count in zip(of_first.names, of_first.members.sum(axis=0).tolist(), strict=True):
            counts[name] = max(counts.get(name, 0), count)
    with_queries = [name for name in counts if counts[name]]
    most = max(FEWEST_CLASSES, min(MOST_CLASSES, MOST_BARS // max(1, len(found))))
    names = sorted(with_queries, key=lambda name: (-counts[name], name))[:most]
    series = [
        _class_series(group.name, of_first.names, of_first.members, values, names, seeds)
        for group, of_first, values, seeds in found
    ]
    ticks = tuple((float(place), f"{name} ({counts[name]})") for place, name in enumerate(names))
    title = f"{DIRECTIONS[direction].title}, {bits} bits"
    panel = Panel(title, Axis("AP"), Axis("class", ticks=ticks), tuple(series), "bars")
    return panel, len(with_queries) - len(names)


def _class_series(
    name: str, known: Sequence[str], members: Any, values: Any, wanted: Sequence[str], seeds: int
) -> Series:
    from hashbench.metrics.significance import bootstrap_interval

    xs, ys, low, high = [], [], [], []
    for place, one in enumerate(wanted):
        kept = values[members[:, known.index(one)]] if one in known else values[:0]
        if not len(kept):
            continue
        mean = float(kept.mean())
        # a single query says nothing about others
        ends = bootstrap_interval(kept, seed=SEED, resamples=2000) if len(kept) > 1 else None
        xs.append(float(place))
        ys.append(mean)
        low.append(mean if ends is None else ends.low)
        high.append(mean if ends is None else ends.high)
    return Series(name, tuple(xs), tuple(ys), tuple(low), tuple(high), seeds)
