"""A dialog: which values the launch form begins with: a paper's, the built-in, or saved ones."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hashbench.errors import HashbenchError
from hashbench.plan import saved_presets
from hashbench.plan.preset import BUILT_IN, PAPER
from hashbench.report.text import plain
from hashbench.tui.screens.dialogs import Confirm
from hashbench.tui.widgets.row_columns import Column
from hashbench.tui.widgets.row_table import RowTable

Entry = tuple[str, str]
"""Kind and name; of the presets that come with the methods both are the same."""

SAVED = "saved"
GIVEN: tuple[Entry, ...] = ((PAPER, PAPER), (BUILT_IN, BUILT_IN))
_WORDS = {
    PAPER: "what the method's paper runs with, on its datasets",
    BUILT_IN: "what suits the built-in pictures",
}


class PresetChoice(ModalScreen[Entry | None]):
    """Its answer is the preset that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "Cancel"),
        Binding("D,delete", "delete", "Delete"),
    ]

    def compose(self) -> ComposeResult:
        """A list, and where saved ones lie."""
        columns = (
            Column[Entry]("name", "preset", 16, lambda entry: (plain(entry[1]), "strong")),
            Column[Entry]("words", "", 20, _words, rank=1, grow=True),
        )
        with Vertical(classes="dialog wide") as box:
            box.border_title = "presets"
            box.border_subtitle = "enter takes one, D deletes a saved one, esc"
            yield RowTable(columns, key=lambda entry: entry, id="presets")
            yield Static(Content(self._note()), id="note")

    @staticmethod
    def _note() -> str:
        if not saved_presets.names():
            return "Nothing saved yet: ctrl+s in the form saves what stands in it."
        return f"Saved in {saved_presets.folder()}; hashbench run --config NAME reads them, too."

    def on_mount(self) -> None:
        """The presets that there are."""
        table: RowTable[Entry] = self.query_one(RowTable)
        table.show([*GIVEN, *((SAVED, name) for name in saved_presets.names())])
        table.focus()
        self.query_one("#note", Static).update(Content(self._note()))

    @on(RowTable.RowSelected)
    def _selected(self, event: RowTable.RowSelected) -> None:
        self.dismiss(event.table.cursor_row)

    def action_delete(self) -> None:
        """Deletes a saved preset, after a question."""
        entry = self.query_one(RowTable).cursor_row
        if entry is None or entry in GIVEN:
            self.notify("paper and built-in come with the methods", severity="warning")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                try:
                    saved_presets.delete(entry[1])
                except HashbenchError as error:
                    self.notify(plain(str(error)), severity="error", markup=False)
                self.on_mount()

        self.app.push_screen(Confirm("Delete this preset?", [entry[1]], "Delete"), answered)

    def action_cancel(self) -> None:
        """None."""
        self.dismiss(None)


def _words(entry: Entry) -> tuple[str, str]:
    if entry in GIVEN:
        return _WORDS[entry[1]], "dim"
    return f"saved; hashbench run --config {entry[1]}", "dim"
