"""The kinds of figures: what each shows, and how its numbers come about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InputError, UnknownNameError
from hashbench.report.progress import Progress, silent

if TYPE_CHECKING:
    from hashbench.report.figures.figure import Figure
    from hashbench.report.rows import Collected

KINDS = {
    "losses": "losses over epochs, a panel a stage",
    "map-over-epochs": "validation mAP over epochs",
    "map-over-bits": "test mAP over code lengths, beside random codes",
    "parameter": "test mAP over a parameter (--over alpha)",
    "precision-recall": "precision over recall, by Hamming radius",
    "precision-radius": "precision within each Hamming radius",
    "recovery": "precision and recall of recovered labels over epochs",
    "per-class": "AP of each class, with intervals",
    "rank-stability": "the order of methods over seeds and resampled queries",
    "t-sne": "codes as points, coloured by class",
    "machine": "processors, memory and GPU of runs over time",
    "attention": "what weighs in pictures and words, before and after training",
}


@dataclass(frozen=True)
class PlotOptions:
    """What a figure may be asked for: a metric's name as results hold it, the parameter of
    `parameter`, the seed of `t-sne`, how many items
    `attention` shows, and where their data is.
    """

    metric: str = "mAP@all"
    over: str = ""
    seed: int = 0
    items: int = 3
    data_dir: Path = Path("data")


def check_kind(kind: str) -> None:
    """Raises UnknownNameError for what is no kind."""
    if kind not in KINDS:
        raise UnknownNameError("figure", kind, KINDS, where="KIND")


def figure(
    kind: str, collected: Collected, options: PlotOptions, progress: Progress = silent
) -> Figure:
    """The figure of a kind; `progress` counts steps of what takes long, codes and models. Raises
    UnknownNameError for what is no kind, InputError where the runs do not have it.
    """
    from hashbench.report.figures import (
        attention,
        curves,
        embedding,
        history,
        machine,
        ranks,
        scores,
    )

    check_kind(kind)
    if options.over and kind != "parameter":
        raise InputError(
            "is of the figure `parameter` alone", where="--over", remedy="leave it out"
        )
    metric, finished = options.metric, collected.finished
    makers: dict[str, Callable[[], Figure]] = {
        "losses": lambda: history.losses(collected),
        "map-over-epochs": lambda: history.map_over_epochs(collected),
        "map-over-bits": lambda: scores.map_over_bits(finished, metric),
        "parameter": lambda: scores.over_parameter(finished, metric, options.over),
        "precision-recall": lambda: curves.precision(collected, "recall", progress),
        "precision-radius": lambda: curves.precision(collected, "radius", progress),
        "recovery": lambda: history.recovery(collected),
        "per-class": lambda: curves.per_class(collected, progress),
        "rank-stability": lambda: ranks.rank_stability(finished, metric, progress),
        "machine": lambda: machine.machine(collected),
        "attention": lambda: attention.attention(
            collected, options.data_dir, options.items, options.seed, progress
        ),
        "t-sne": lambda: embedding.t_sne(collected, options.seed, progress),
    }
    return makers[kind]()
