"""Figures of a study, drawn by those who draw them for `hashbench plot`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hashbench.errors import InputError
from hashbench.report.figures import catalog
from hashbench.report.figures.catalog import PlotOptions
from hashbench.report.figures.figure import Figure
from hashbench.report.progress import Progress, part, silent
from hashbench.report.rows import Collected, Finished
from hashbench.studies.answer import Answer


class FigureOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a figure in a study file, as those of `hashbench plot`."""

    metric: str = "mAP@all"
    over: str = ""
    seed: int = 0
    items: int = 3


def check(kind: str, options: Mapping[str, Any], where: str) -> FigureOptions:
    """The options. Raises InputError for an unknown kind or a wrong option."""
    if kind not in catalog.KINDS:
        raise InputError(
            f"there is no figure named {kind!r}", where=where, remedy=f"{', '.join(catalog.KINDS)}"
        )
    try:
        return msgspec.convert(dict(options), FigureOptions)
    except msgspec.ValidationError as error:
        raise InputError(f"{kind}: {error}", where=f"{where}: options") from None


def draw(
    kind: str,
    runs: Sequence[Finished],
    options: Mapping[str, Any],
    data_dir: Path,
    progress: Progress = silent,
) -> Figure:
    """The figure of a kind. Raises InputError where the runs do not have it."""
    given = msgspec.structs.asdict(check(kind, options, kind))
    collected = Collected(finished=list(runs))
    return catalog.figure(kind, collected, PlotOptions(**given, data_dir=data_dir), progress)


def drawn(
    answer: Answer, data_dir: Path, progress: Progress = silent
) -> tuple[list[Figure], list[str]]:
    """All figures of an answer that its runs can fill, and why the others are not there;
    `progress` counts within all of them.
    """
    made, missing = [], []
    for number, figure in enumerate(answer.figures):
        within = part(progress, number, len(answer.figures))
        within(0, 1)
        plan = figure.plan
        if not figure.runs:
            missing.append(f"no {plan.kind}: none of its runs is finished")
            continue
        try:
            made.append(draw(plan.kind, figure.runs, plan.options, data_dir, within))
        except InputError as error:  # said in words, beside the figures that there are
            missing.append(f"no {plan.kind}: {error.problem}")
    return made, missing
