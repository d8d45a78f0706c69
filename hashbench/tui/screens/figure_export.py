"""Figures written from where they are seen: asks for the kind and the file, and draws it there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from hashbench.errors import HashbenchError, InputError
from hashbench.report.figures import paper
from hashbench.report.figures.catalog import KINDS
from hashbench.report.text import plural
from hashbench.tui.screens.base import WorkScreen, notify_error
from hashbench.tui.screens.dialogs import Confirm
from hashbench.tui.subprocesses import run_command
from hashbench.tui.widgets.field import Choice

FORMS = ", ".join(f".{form}" for form in paper.FORMATS)


class FigureForm(ModalScreen[tuple[str, str] | None]):
    """A kind of figure and a file; enter draws, esc does nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, kind: str, runs: int) -> None:
        super().__init__()
        self._kind = kind
        self._runs = runs

    def compose(self) -> ComposeResult:
        """The kind above, the file below."""
        with Vertical(classes="dialog") as box:
            box.border_title = f"figure of {plural(self._runs, 'run')}"
            box.border_subtitle = "enter draws, esc cancels"
            yield Label(Content("figure: left and right choose"))
            yield Choice(list(KINDS), self._kind)
            yield Static(Content(KINDS[self._kind]), id="about-figure")
            yield Label(Content(f"file: {FORMS} choose the format"))
            yield Input(f"{self._kind}.pdf", compact=True)

    def on_mount(self) -> None:
        """The file has the focus: enter is then all it takes."""
        self.query_one(Input).focus()

    @on(Choice.Turned)
    def _turned(self, event: Choice.Turned) -> None:
        """A file that is named after the figure follows it."""
        line = self.query_one(Input)
        if line.value.startswith(f"{self._kind}."):
            line.value = event.value + line.value.removeprefix(self._kind)
        self._kind = event.value
        self.query_one("#about-figure", Static).update(Content(KINDS[event.value]))

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.dismiss((self._kind, self.query_one(Input).value.strip()))

    def action_cancel(self) -> None:
        """Nothing is drawn."""
        self.dismiss(None)


def export_figure(
    screen: WorkScreen, runs: Sequence[str], kind: str, *, metric: str = "mAP@all"
) -> None:
    """Asks for kind and file, beginning with `kind`, and writes the figure of the runs."""
    if not runs:
        screen.notify("there is no run to draw: choose or mark one", severity="warning")
        return
    if not paper.installed():
        error = InputError(
            "figures as files need matplotlib, which is not installed",
            remedy="pip install 'hashbench[plots]'",
        )
        notify_error(screen.bench, error)
        return

    def answered(chosen: tuple[str, str] | None) -> None:
        if chosen is not None:
            _check_file(screen, runs, chosen[0], Path(chosen[1]).expanduser(), metric)

    screen.app.push_screen(FigureForm(kind, len(runs)), answered)


def _check_file(
    screen: WorkScreen, runs: Sequence[str], kind: str, path: Path, metric: str
) -> None:
    try:
        paper.check_form(path.suffix.lower().removeprefix("."))
    except InputError as error:
        notify_error(screen.bench, InputError(error.problem, where=path, remedy=error.remedy))
        return

    def answered(yes: bool | None) -> None:
        if yes:
            screen.run_worker(_drawn(screen, runs, kind, path, metric), group="figure")

    if path.exists():
        screen.app.push_screen(Confirm("Overwrite?", [str(path)], "Overwrite"), answered)
    else:
        answered(yes=True)


async def _drawn(
    screen: WorkScreen, runs: Sequence[str], kind: str, path: Path, metric: str
) -> None:
    screen.notify(f"drawing {kind} of {plural(len(runs), 'run')}", timeout=3)
    folders = [str(screen.folder(run).path.resolve()) for run in runs]
    data = ("--data-dir", str(screen.bench.data_dir))
    try:
        await run_command("plot", kind, *folders, "-o", str(path), "--metric", metric, *data)
    except HashbenchError as error:
        notify_error(screen.bench, error)
        return
    screen.notify(str(path.resolve()), title="figure written", timeout=10, markup=False)
