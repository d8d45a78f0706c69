"""The first screen that a person sees, once: what the workbench is, and the few keys to begin."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, Static

STEPS = (
    ("n", "a new run; in the form, ctrl+e says what it will cost"),
    ("enter", "all about the run under the cursor: scores, audit, log"),
    ("1-5", "its losses, mAP, recovered labels, monitors, log"),
    ("space c", "mark runs, then compare them; d shows what differs"),
    ("e", "search with a finished run, also by a picture of yours"),
    ("v o /", "columns, order and filter of the table"),
    ("p s r D U", "pause, stop, resume, delete, undo the deletion"),
)


def first_time(settings_path: Path) -> bool:
    """Whether nobody has used the workbench with this folder of settings before."""
    return not any(settings_path.parent.glob("tui-*.json"))


class Tour(ModalScreen[None]):
    """One page; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,space,q", "dismiss", "Begin"),
        Binding("g,f1", "guide", "Guide", priority=True),
    ]

    def __init__(self, runs_dir: Path) -> None:
        super().__init__()
        self._runs_dir = runs_dir

    def compose(self) -> ComposeResult:
        """What it is, the keys, where more is."""
        with VerticalScroll(classes="dialog wide") as box:
            box.border_title = "welcome to hashbench"
            box.border_subtitle = "enter begins, g opens the guide"
            where = f"Every run in {self._runs_dir}, also those that other terminals started."
            yield Static(Content(where))
            table = Table(box=None, show_header=False, pad_edge=False)
            table.add_column(style="bold", min_width=9, no_wrap=True)
            table.add_column()
            for key, text in STEPS:
                table.add_row(key, text)
            yield Label("to begin with", classes="part")
            yield Static(table)
            yield Label("good to know", classes="part")
            yield Static(
                "Workers are processes of their own: closing this leaves them running. The mouse "
                "works on rows, titles of columns, tabs, and the keys at the bottom. ? lists the "
                "keys of a screen; from there, t shows this page again."
            )

    def action_guide(self) -> None:
        """The guide, in the place of this page."""
        self.dismiss()
        self.call_later(self.app.run_action, "guide")
