"""All studies: questions that runs answer. Enter opens one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from hashbench.errors import HashbenchError
from hashbench.report.text import plain
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error
from hashbench.tui.settings import Settings
from hashbench.tui.subprocesses import run_command
from hashbench.tui.widgets.row_columns import Column
from hashbench.tui.widgets.row_table import RowTable

Entry = Mapping[str, str]

KEYS: Keys = (("esc", "back", "leave"), ("enter", "open the study", ""))
EMPTY = "no studies: hashbench guide studies says how to write one"


class Studies(WorkScreen):
    """A table of questions, and the chosen one in full below."""

    heading = "studies"
    KEYS: ClassVar[Keys] = KEYS
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("q", "leave", "Back", show=False),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def compose(self) -> ComposeResult:
        """The table above, the chosen study below."""
        top, keys = self.bars()
        yield top
        yield RowTable(
            _columns(()), key=_name, empty="reading the studies", id="studies", classes="box"
        )
        yield Static(id="study", markup=False)
        yield keys

    def on_mount(self) -> None:
        """Files are read by `hashbench study list`, which knows where they may be."""
        self.query_one("#studies", RowTable).focus()
        self._read()

    @work(exclusive=True, group="studies")
    async def _read(self) -> None:
        table = self.query_one("#studies", RowTable)
        found: list[Entry] = []
        try:
            found = json.loads(await run_command("study", "list", "--json"))
            table.empty = EMPTY
        except HashbenchError as error:
            table.empty = f"studies cannot be read: {plain(error.problem)}"
            notify_error(self.bench, error)
        table.border_title = f"{len(found)} studies"
        table.set_columns(_columns(found))
        table.show(found)
        self._explain()

    @on(RowTable.RowHighlighted, "#studies")
    def _explain(self) -> None:
        """The chosen study in full."""
        one: Entry | None = self.query_one("#studies", RowTable).cursor_row
        lines = [] if one is None else [one["question"], one["source"], one["file"]]
        self.query_one("#study", Static).update(Content("\n".join(map(plain, lines))))

    @on(RowTable.RowSelected, "#studies")
    def _open(self) -> None:
        one: Entry | None = self.query_one("#studies", RowTable).cursor_row
        if one is not None:
            from hashbench.tui.screens.study import StudyScreen

            self.app.push_screen(StudyScreen(one["name"], self._settings))

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _name(one: Entry) -> str:
    return one["name"]


def _columns(found: list[Entry] | tuple[()]) -> list[Column[Entry]]:
    width = max([12, *(len(one["name"]) for one in found)])
    return [
        Column("name", "study", width, lambda one: (plain(one["name"]), "strong")),
        Column("question", "question", 30, lambda one: plain(one["question"]), grow=True, most=90),
        Column("source", "source", 30, lambda one: (plain(one["source"]), "dim"), rank=1,
               grow=True),
    ]  # fmt: skip
