"""Which figures a report of runs has: those that the runs can fill and a page can carry."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hashbench.errors import InputError
from hashbench.report.figures.catalog import PlotOptions, figure
from hashbench.report.figures.figure import Figure
from hashbench.report.figures.groups import groups
from hashbench.report.figures.scores import varied
from hashbench.report.progress import Progress, part, silent
from hashbench.report.rows import Collected

LINES = 12  # of one panel that can still be told apart
BARS = 4  # of one class
ONE_LENGTH = ("rank-stability", "precision-recall", "map-over-epochs", "losses", "recovery",
              "per-class")  # fmt: skip
"""Figures of the code length that most runs have, since one panel would hold too many lines."""


def figures_of(
    collected: Collected, metric: str, progress: Progress = silent
) -> tuple[list[Figure], list[str]]:
    """The figures, and why others are not there. `progress` counts within all of them."""
    drawn: list[Figure] = []
    missing: list[str] = []
    one, bits = _one_length(collected)
    tasks = [("map-over-bits", collected, "")] if one is not collected else []
    tasks += [("parameter", collected, over) for over in varied(collected.finished)]
    tasks += [(kind, one, "") for kind in ONE_LENGTH]
    for number, (kind, runs, over) in enumerate(tasks):
        within = part(progress, number, len(tasks))
        within(0, 1)
        most = BARS if kind == "per-class" else LINES
        count = len(groups(runs)) if kind in ONE_LENGTH and kind != "rank-stability" else 0
        if count > most:
            missing.append(f"no {kind}: {count} groups of runs, where {most} can be told apart")
            continue
        # which figures runs can fill is known to whoever makes them, and told in words
        try:
            made = figure(kind, runs, PlotOptions(metric, over=over), within)
        except InputError as error:
            missing.append(f"no {kind}: {error.problem}")
            continue
        drawn.append(replace(made, title=f"{made.title}, {bits} bits") if runs is one else made)
    return drawn, missing


def _one_length(collected: Collected) -> tuple[Collected, str]:
    """The runs of the code length that most of them have."""
    labels = Counter(run.spec.bits_label for run in collected.finished)
    bits = max(labels, key=lambda label: (labels[label], label))
    if len(labels) == 1:
        return collected, bits
    return Collected([run for run in collected.finished if run.spec.bits_label == bits]), bits
