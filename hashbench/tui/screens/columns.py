"""The columns of the table of runs, and the orders that it can be put into."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from hashbench.report.text import WARNED, ordinal, short_duration
from hashbench.runs.state import Status
from hashbench.tui.format import badge, bar
from hashbench.tui.run_row import RunView
from hashbench.tui.widgets.row_columns import CellText, Column

ACTIVE = "running first"
_ACTIVITY = {Status.RUNNING: 3, Status.PAUSED: 2, Status.QUEUED: 1}

ORDERS: dict[str, Callable[[RunView], Any]] = {
    ACTIVE: lambda view: (_ACTIVITY.get(view.status, 0), -view.place),
    "run": lambda view: view.id,
    "state": lambda view: (str(view.status), view.place),
    "method": lambda view: (view.method, view.changes),
    "dataset": lambda view: view.dataset,
    "bits": lambda view: [int(bits) for bits in view.bits.split("+") if bits.isdigit()],
    "ratio": lambda view: view.ratio or 0.0,
    "done": lambda view: -1.0 if view.done is None else view.done,
    "left": lambda view: float("inf") if view.left is None else view.left,
    "mAP": lambda view: -1.0 if view.score is None else view.score,
    "device": lambda view: view.device,
}
"""Column -> what its rows are sorted by; runs that tie stand in the order of their ids. The first
is no column but what is going on, then the queue in its order, then the rest.
"""

FALLING = (ACTIVE, "run", "done", "mAP")
"""The orders that begin with the largest."""

ALWAYS = ("marks", "method")
"""The columns that cannot be hidden."""


def run_columns(marked: Mapping[str, str], pinned: Collection[str]) -> tuple[Column[RunView], ...]:
    """The columns; `marked` and `pinned` are read whenever a line is drawn. `marked` has the names
    of the marked runs by what differs between them, empty for a run without others.
    """

    def marks(view: RunView) -> CellText:
        mark = "•" if view.id in marked else " "
        return f"{mark}{'+' if view.id in pinned else ' '}", "strong"

    def name(view: RunView) -> CellText:
        return _name(view, marked.get(view.id, ""))

    return (
        Column("marks", "", 2, marks),
        Column("state", "state", 12, _state),
        Column("method", "run", 22, name, grow=True),
        Column("dataset", "dataset", 16, lambda view: view.dataset, rank=5),
        Column("bits", "bits", 6, lambda view: view.bits, rank=1, right=True, grow=True, most=11),
        Column("ratio", "known", 5, _ratio, rank=6, right=True),
        Column("seed", "seed", 4, _seed, rank=2, right=True),
        Column("stage", "stage", 9, lambda view: view.stage, rank=8),
        Column("epoch", "epoch", 9, _epoch, rank=4, right=True),
        Column("done", "done", 9, lambda view: (bar(view.done, 9), "busy"), rank=1),
        Column("left", "left", 6, lambda view: short_duration(view.left), rank=3, right=True),
        Column("mAP", "mAP ", 7, _score, right=True),
        Column("device", "device", 6, lambda view: view.device, rank=7),
        Column("labels", "labels", 12, lambda view: view.labels, rank=11),
        Column("began", "began", 11, _began, rank=12),
        Column("tags", "tags", 10, lambda view: (" ".join(view.tags), "dim"), rank=9),
        Column("run", "id", 46, lambda view: (view.id, "dim"), rank=10, grow=True),
    )


def chosen_columns(
    columns: Sequence[Column[RunView]], hidden: Collection[str]
) -> tuple[Column[RunView], ...]:
    """The columns without those that a person has hidden."""
    return tuple(column for column in columns if column.key in ALWAYS or column.key not in hidden)


def _state(view: RunView) -> CellText:
    text, style = badge(view.status)
    if view.warnings:
        return f"{text} {WARNED}", style
    return (f"{text} {ordinal(view.place)}" if view.place else text), style


def _name(view: RunView, among_marked: str) -> CellText:
    if view.problem and not view.method:
        return view.problem, "bad"
    name = among_marked or view.name or f"{view.method} {view.changes}".strip()
    if view.mark:
        return f"! {name}", "warn"
    return (f"⚠ {name}", "warn") if view.problem else name


def _began(view: RunView) -> CellText:
    """Month, day and clock out of the id, such as `12-01 04:35`."""
    day, _, rest = view.id.partition("-")
    clock = rest[:4]
    if len(day) != 8 or not (day + clock).isdigit() or len(clock) != 4:
        return ""
    return f"{day[4:6]}-{day[6:]} {clock[:2]}:{clock[2:]}"


def _ratio(view: RunView) -> CellText:
    return "" if view.ratio is None else f"{view.ratio:g}"


def _seed(view: RunView) -> CellText:
    return "" if view.seed is None else str(view.seed)


def _epoch(view: RunView) -> CellText:
    if not view.epochs:
        return ""
    return f"{view.epoch}/{view.epochs}"


def _score(view: RunView) -> CellText:
    """The test mAP in full; one on validation queries with a `v`, since it is no result."""
    if view.score is None:
        return ""
    return f"{view.score:.4f} " if view.score_on == "test" else (f"{view.score:.4f}v", "dim")


def sorted_views(
    views: Collection[RunView], filter_text: str, order: str, *, descending: bool
) -> list[RunView]:
    """The runs that match every word of the filter, in order."""
    words = filter_text.lower().split()
    matching = [view for view in views if all(word in view.haystack for word in words)]
    # both sorts are stable, so that runs which tie stay in the order of their ids
    matching.sort(key=lambda view: view.id, reverse=descending)
    matching.sort(key=ORDERS[order], reverse=descending)
    return matching
