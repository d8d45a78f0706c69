"""What all screens of the workbench have: a bar above, keys below, runs that change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.screen import Screen

from hashbench.report.text import plain
from hashbench.runs.layout import RunFolder
from hashbench.runs.state import Status
from hashbench.tui.format import badge
from hashbench.tui.reader import Update
from hashbench.tui.system_monitor import Machine
from hashbench.tui.widgets.bars import KeyBar, TopBar

if TYPE_CHECKING:
    from hashbench.errors import HashbenchError
    from hashbench.tui.app import Workbench

Keys = tuple[tuple[str, str, str], ...]
"""(key as shown, what it does in a word, action)"""

_SHOWN = (
    Status.RUNNING, Status.PAUSED, Status.QUEUED, Status.FAILED, Status.LOST, Status.STOPPED,
    Status.FINISHED,
)  # fmt: skip


_NAMES = {"/": "slash", "?": "question_mark"}


def bindings(*groups: Keys) -> list[BindingType]:
    """Bindings for all keys that have an action; they stand in the KeyBar, not in a footer."""
    return [
        Binding(_NAMES.get(key, key), action, told, show=False)
        for group in groups
        for key, told, action in group
        if action
    ]


class WorkScreen(Screen[None]):
    """A screen with TopBar and KeyBar. `KEYS` are offered below, `MORE_KEYS` only by `?`."""

    KEYS: ClassVar[Keys] = ()
    MORE_KEYS: ClassVar[Keys] = ()
    heading = ""

    @property
    def bench(self) -> Workbench:
        """The app, as what it is."""
        return cast("Workbench", self.app)

    def bars(self) -> tuple[TopBar, KeyBar]:
        """The two bars, to be composed first and last."""
        return TopBar(self.heading), KeyBar([(key, told) for key, told, _ in self.KEYS])

    def on_screen_resume(self) -> None:
        """What is known is shown at once; handlers of subclasses come besides this one."""
        bar = self.query_one(TopBar)
        bar.show(*counts(self.bench))
        if self.bench.machine is not None:
            bar.show_machine(self.bench.machine)

    def runs_changed(self, update: Update) -> None:  # noqa: ARG002 - for those who show runs
        """Runs changed; the counts stand above."""
        self.query_one(TopBar).show(*counts(self.bench))

    def machine_read(self, machine: Machine) -> None:
        """The meter stands above."""
        self.query_one(TopBar).show_machine(machine)

    def on_key_bar_pressed(self, event: KeyBar.Pressed) -> None:
        """A click on a key does what the key does."""
        for shown, _, action in (*self.KEYS, ("?", "", "app.help")):
            if shown == event.key:
                self._run_later(action)

    def commands(self) -> Iterable[tuple[str, str, Callable[[], object]]]:
        """(name, help, what to call) for the palette."""
        for key, told, action in (*self.KEYS, *self.MORE_KEYS):
            if action:
                name = told[:1].upper() + told[1:]
                yield name, f"{self.heading}, key {key}", partial(self._run_later, action)

    def _run_later(self, action: str) -> None:
        self.call_later(self.run_action, action)

    def folder(self, run_id: str) -> RunFolder:
        """A run's folder."""
        return RunFolder(self.bench.runs_dir / run_id)


def tell(bench: Workbench, error: HashbenchError) -> None:
    """An error of ours as a notice."""
    parts = [error.problem, *([error.remedy] if error.remedy else [])]
    text = "\n".join(plain(part) for part in parts)
    bench.notify(text, title=plain(error.where or ""), severity="error", markup=False)


def counts(bench: Workbench) -> tuple[str, str]:
    """`3 running, 1 failed, 12 finished`, and the same with signs for words."""
    loaded, found = bench.loading
    if found < 0:
        return "looking for runs", ""
    if loaded < found:
        return f"reading {loaded:,} of {found:,} runs", f"{loaded:,}/{found:,} runs"
    by_status = Counter(view.status for view in bench.views.values())
    shown = [(status, by_status[status]) for status in _SHOWN if by_status[status]]
    words = ", ".join(f"{count:,} {status}" for status, count in shown)
    signs = " ".join(f"{badge(status)[0][0]}{count:,}" for status, count in shown)
    return words or "no runs", signs
