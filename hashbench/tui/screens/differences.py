"""What differs between the marked runs, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from hashbench.report.differences import Difference, Differences, differences, summary
from hashbench.report.text import plain
from hashbench.tui.screens.base import Keys, WorkScreen, bindings
from hashbench.tui.widgets.row_columns import Column
from hashbench.tui.widgets.row_table import RowTable

KEYS: Keys = (("esc", "back", "leave"), ("left right", "other runs", ""))
LEAST_WIDTH = 12


class DifferencesScreen(WorkScreen):
    """A row a value, a column a run, named by what tells it from the others."""

    heading = "what differs"
    KEYS: ClassVar[Keys] = KEYS
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("q", "leave", "Back", show=False),
    ]

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self._ids = ids

    def compose(self) -> ComposeResult:
        """A sentence and the table."""
        top, keys = self.bars()
        yield top
        yield Static("reading", id="summary", markup=False)
        yield RowTable((), key=_key, empty="reading", id="differences", classes="box")
        yield keys

    def on_mount(self) -> None:
        """Runs are read on a thread."""
        self.query_one(RowTable).focus()
        self._read()

    @work(thread=True, exclusive=True, group="differences")
    def _read(self) -> None:
        found = differences([self.folder(run) for run in self._ids])
        self.app.call_from_thread(self._show, found)

    def _show(self, found: Differences) -> None:
        if not self.is_mounted:
            return
        text = "; ".join([summary(found), *(f"left out: {one}" for one in found.damaged)])
        self.query_one("#summary", Static).update(plain(text))
        table = self.query_one("#differences", RowTable)
        table.empty = "nothing differs"
        table.set_columns(_columns(found))
        table.show(found.rows)

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _key(row: Difference) -> tuple[str, str]:
    return row.group, row.key


def _columns(found: Differences) -> list[Column[Difference]]:
    def run(place: int) -> Column[Difference]:
        name = found.names[place]
        widest = max([len(name), *(len(row.values[place]) for row in found.rows)])
        return Column(
            found.runs[place],
            name,
            max(LEAST_WIDTH, min(widest, 22)),
            lambda row: row.values[place],
            rank=1 + place,
            grow=True,
            most=max(LEAST_WIDTH, widest),
        )

    width = max([8, *(len(row.key) for row in found.rows)])
    keys = Column[Difference]("key", "", min(width, 28), lambda row: (row.key, "strong"))
    return [keys, *(run(place) for place in range(len(found.runs)))]
