"""Dialogs: the keys, a question, a form of one or two lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from hashbench.tui.screens.base import Keys

EVERYWHERE: Keys = (
    ("esc", "back to the screen before", ""),
    ("tab", "to the next part of the screen", ""),
    ("up down j k", "move; pgup, pgdn, home, end, g and G as well", ""),
    ("left right", "in tables: the columns that find no room", ""),
    (": ctrl+p", "command palette: every action by name, and themes", ""),
    ("?", "this help; from it, t shows the tour of the first start", ""),
    ("F1", "the guide; from this help, g as well", ""),
    ("ctrl+q", "quit; workers go on", ""),
)


class Help(ModalScreen[None]):
    """All keys of a screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close"),
        Binding("g,f1", "guide", "Guide", priority=True),
        Binding("t", "tour", "Tour"),
    ]

    def __init__(self, title: str, keys: Keys, more: Keys) -> None:
        super().__init__()
        self._title = title
        explained = {key for key, _, _ in more}  # by a sentence, not only by a word
        shown = (*(key for key in keys if key[0] not in explained), *more)
        self._parts = ((title, shown), ("everywhere", EVERYWHERE))

    def compose(self) -> ComposeResult:
        """One table a part."""
        with VerticalScroll(classes="dialog wide") as box:
            box.border_title = f"keys of {self._title}"
            box.border_subtitle = "g opens the guide, t the tour, esc closes"
            for title, keys in self._parts:
                table = Table(box=None, show_header=False, pad_edge=False)
                table.add_column(style="bold", min_width=9, no_wrap=True)
                table.add_column()
                for key, text, _ in keys:
                    table.add_row(key, text)
                yield Label(title, classes="part")
                yield Static(table)

    def action_guide(self) -> None:
        """The guide, in the place of this help."""
        self.dismiss()
        self.call_later(self.app.run_action, "guide")

    def action_tour(self) -> None:
        """The page of the first start, in the place of this help."""
        self.dismiss()
        self.call_later(self.app.run_action, "tour")


class Confirm(ModalScreen[bool]):
    """A yes or no question; no has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, lines: Sequence[str], yes: str) -> None:
        super().__init__()
        self._question, self._lines, self._yes = question, lines, yes

    def compose(self) -> ComposeResult:
        """The question, what it is about, two buttons."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._question
            lines = list(self._lines[:8])
            if len(self._lines) > 8:
                lines.append(f"and {len(self._lines) - 8} more")
            yield Static(Content("\n".join(lines)))
            with Horizontal(classes="buttons"):
                yield Button("No (n)", id="no", compact=True)
                yield Button(f"{self._yes} (y)", id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        """An enter too many answers no."""
        self.query_one("#no").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """The answer by key."""
        self.dismiss(yes)


class Form(ModalScreen[dict[str, str] | None]):
    """A few inputs; enter submits them, esc changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """A label and an input for each (name, value, help)."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "enter submits, esc cancels"
            for name, value, help_text in self._lines:
                yield Label(Content(f"{name}: {help_text}"))
                yield Input(value, name=name, compact=True)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.dismiss({str(line.name): line.value for line in self.query(Input)})

    def action_cancel(self) -> None:
        """Nothing is changed."""
        self.dismiss(None)
