"""What happened to all runs lately: warnings, ends, failures; the newest first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from hashbench.report.alerts import MARKS, Alert, Kind, alerts, clock
from hashbench.report.text import plural
from hashbench.tui.reader import Update
from hashbench.tui.screens.base import Keys, WorkScreen, bindings
from hashbench.tui.widgets.row_columns import CellText, Column
from hashbench.tui.widgets.row_table import RowTable

SPANS = (("1h", 3600.0), ("1d", 86400.0), ("1w", 7 * 86400.0), ("all", float("inf")))
AGAIN_SECONDS = 1.0  # events are read again at most this often

STYLES: dict[Kind, str] = {
    "warning": "warn",
    "finished": "good",
    "failed": "bad",
    "stopped": "warn",
    "lost": "bad",
    "note": "warn",
}

KEYS: Keys = (
    ("esc", "back", "leave"),
    ("enter", "open the run", ""),
    ("h", "how far back", "span"),
    ("o", "problems only", "problems"),
)


class Alerts(WorkScreen):
    """A table of all alerts, and the chosen one in full below."""

    heading = "alerts"
    KEYS: ClassVar[Keys] = KEYS
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("q", "leave", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._found: Sequence[Alert] = ()
        self._span = 1
        self._problems = False
        self._read_at = 0.0
        self._stale = False

    def compose(self) -> ComposeResult:
        """The table above, the chosen alert below."""
        top, keys = self.bars()
        yield top
        yield RowTable(_columns(), key=_key, empty="reading", id="alerts", classes="box")
        yield Static(id="alert", markup=False)
        yield keys

    def on_mount(self) -> None:
        """Events are read on a thread, and again while runs change."""
        self.query_one("#alerts", RowTable).focus()
        self._read()
        self.set_interval(AGAIN_SECONDS, self._read_again)

    def runs_changed(self, update: Update) -> None:
        """Something may have happened."""
        super().runs_changed(update)
        self._stale = True

    def _read_again(self) -> None:
        if self._stale:
            self._stale = False
            self._read()

    @work(thread=True, exclusive=True, group="alerts")
    def _read(self) -> None:
        found = alerts(self.bench.runs_dir, max(0.0, time.time() - SPANS[self._span][1]))
        self.app.call_from_thread(self._show, found[::-1])

    def _show(self, found: Sequence[Alert] | None = None) -> None:
        if not self.is_mounted:
            return
        self._found = self._found if found is None else found
        shown = [one for one in self._found if not self._problems or one.kind != "finished"]
        table, back = self.query_one("#alerts", RowTable), SPANS[self._span][0]
        table.empty = f"nothing happened in the last {back}; h looks further back"
        title = f"{plural(len(shown), 'alert')}, {back}"
        table.border_title = f"{title}, problems only" if self._problems else title
        table.show(shown)
        self._explain()

    @on(RowTable.RowHighlighted, "#alerts")
    def _explain(self) -> None:
        """The chosen alert in full, and what to try."""
        one: Alert | None = self.query_one("#alerts", RowTable).cursor_row
        parts = [] if one is None else [f"{one.run}: {one.kind}  {one.text}"]
        if one is not None and one.remedy:
            parts.append(f"try: {one.remedy}")
        self.query_one("#alert", Static).update(Content("\n".join(parts)))

    def action_span(self) -> None:
        """The next span of time."""
        self._span = (self._span + 1) % len(SPANS)
        self._read()

    def action_problems(self) -> None:
        """Without runs that finished, or with them."""
        self._problems = not self._problems
        self._show()

    @on(RowTable.RowSelected, "#alerts")
    def _open(self) -> None:
        one: Alert | None = self.query_one("#alerts", RowTable).cursor_row
        if one is not None and one.run in self.bench.views:
            from hashbench.tui.screens.detail import Detail

            self.app.push_screen(Detail(one.run))

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _key(one: Alert) -> tuple[str, str, float, str]:
    return one.run, one.kind, one.t, one.text


def _columns() -> list[Column[Alert]]:
    def kind(one: Alert) -> CellText:
        return f"{MARKS[one.kind]} {one.kind}", STYLES[one.kind]

    return [
        Column("time", "time", 11, lambda one: clock(one.t, time.time())),
        Column("kind", "what", 10, kind),
        Column("text", "", 24, lambda one: one.text, grow=True),
        Column("run", "run", 24, lambda one: (one.run, "dim"), rank=1, grow=True, most=60),
    ]
