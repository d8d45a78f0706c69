"""A dialog: what the runs of the launch form will cost, measured while it is open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hashbench.errors import HashbenchError
from hashbench.launch.estimates import kind_of, require_room
from hashbench.plan.run_estimate import RunEstimate
from hashbench.plan.spec import RunSpec
from hashbench.report.estimate_text import sum_text, text_of
from hashbench.report.naming import full_name
from hashbench.report.text import plain, plural
from hashbench.tui.subprocesses import ask_estimate

if TYPE_CHECKING:
    from hashbench.tui.app import Workbench

SECONDS = 30  # that measuring one kind of run takes, about
BAR = 40


class Estimate(ModalScreen[None]):
    """Runs that differ in seed alone are measured once; closing it ends the measuring."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Close")]

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        super().__init__()
        self._specs = specs
        self._kinds: dict[str, RunSpec] = {}
        for spec in specs:
            self._kinds.setdefault(kind_of(spec), spec)
        self._done: dict[str, RunEstimate] = {}
        self._began = time.monotonic()
        self._lines = ""

    def compose(self) -> ComposeResult:
        """Progress above, what is known below."""
        with VerticalScroll(classes="dialog wide") as box:
            box.border_title = f"what {plural(len(self._specs), 'run')} will cost"
            box.border_subtitle = "esc ends the measuring and closes"
            yield Static(id="progress", markup=False)
            yield Static(id="costs", markup=False)

    def on_mount(self) -> None:
        """Measuring begins."""
        self._show_progress()
        self.set_interval(0.5, self._show_progress)
        self._measure()

    @work(group="estimate")
    async def _measure(self) -> None:
        bench = cast("Workbench", self.app)
        try:
            for kind, spec in self._kinds.items():
                self._done[kind] = cost = await ask_estimate(spec, bench.data_dir)
                self._add(f"{full_name(spec)}\n{text_of(cost)}")
            costs = [self._done[kind_of(spec)] for spec in self._specs]
            self._add(sum_text(costs))
            require_room(costs, bench.data_dir, bench.runs_dir)
        except HashbenchError as error:
            place = f"{error.where}: " if error.where else ""
            remedy = f"; {error.remedy}" if error.remedy else ""
            self._add(f"✗ {place}{error.problem}{remedy}")
            self._kinds = {}  # nothing is measured any more

    def _add(self, text: str) -> None:
        self._lines += plain_lines(text) + "\n"
        self.query_one("#costs", Static).update(Content(self._lines))
        self._show_progress()

    def _show_progress(self) -> None:
        """A bar over all kinds of runs, and about how long it will take on."""
        progress = self.query_one("#progress", Static)
        total, done = len(self._kinds), len(self._done)
        progress.display = done < total
        if not progress.display:
            return
        seconds = time.monotonic() - self._began
        # of the kind that is being measured, what has passed of its usual time
        share = min(0.99, (done + min(0.9, (seconds - SECONDS * done) / SECONDS)) / total)
        share = max(share, done / total)
        bar = "━" * round(BAR * share) + "╌" * (BAR - round(BAR * share))
        left = max(0, round(SECONDS * total - seconds))
        about = f"about {left} s left" if left else "it takes longer than usual"
        kinds = f"kind {done + 1} of {total}, " if total > 1 else ""
        progress.update(Content(f"{bar}  {kinds}{round(seconds)} s, {about}"))


def plain_lines(text: str) -> str:
    """Text without control characters, its lines kept."""
    return "\n".join(plain(line) for line in text.splitlines())
