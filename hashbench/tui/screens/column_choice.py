"""A dialog: which columns the table of runs has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from hashbench.tui.screens.columns import ALWAYS
from hashbench.tui.widgets.picklist import Item, PickList
from hashbench.tui.widgets.row_columns import Column

WORDS = {
    "state": "what it is doing, its place in the queue, warnings",
    "dataset": "the dataset",
    "bits": "code lengths",
    "ratio": "share of training labels that is known",
    "seed": "the seed",
    "stage": "stage of the training",
    "epoch": "epoch of the stage",
    "done": "a bar of the share done",
    "left": "time left",
    "mAP": "mean mAP; v: of validation queries",
    "device": "where it trains",
    "labels": "what is done to the labels",
    "began": "when the run was made",
    "tags": "tags that people gave",
    "run": "the run's id",
}


class ColumnChoice(ModalScreen[list[str] | None]):
    """All columns in their order, a cross for those that are shown; its answer are the hidden."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q", "close", "Close"),
        Binding("d", "defaults", "All"),
    ]

    def __init__(self, columns: Sequence[Column[Any]], hidden: Collection[str]) -> None:
        super().__init__()
        self._keys = {
            column.title.strip(): column.key for column in columns if column.key not in ALWAYS
        }
        self._hidden = set(hidden)

    def compose(self) -> ComposeResult:
        """A list with crosses, and what narrow terminals do."""
        with Vertical(classes="dialog") as box:
            box.border_title = "columns of the table"
            box.border_subtitle = "space picks, d shows all, esc closes"
            yield PickList("", id="columns")
            yield Static("Where room is short, the most important stay in sight.")

    def on_mount(self) -> None:
        """What is shown is picked."""
        picks = self.query_one(PickList)
        items = [Item(title, WORDS.get(key, "")) for title, key in self._keys.items()]
        picks.offer(items, [title for title, key in self._keys.items() if key not in self._hidden])
        picks.action_edge(0)
        picks.focus()

    def action_defaults(self) -> None:
        """Shows every column."""
        self._hidden = set()
        self.on_mount()

    def action_close(self) -> None:
        """The answer: what is not picked."""
        picked = self.query_one(PickList).picked
        self.dismiss([key for title, key in self._keys.items() if title not in picked])
