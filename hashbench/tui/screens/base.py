"""What all screens of the workbench share: a bar above, keys below, runs that change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import ActiveBinding, Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

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
"""(key, what it does, action); keys without an action stand in the help only."""

_SHOWN = (
    Status.RUNNING, Status.PAUSED, Status.QUEUED, Status.FAILED, Status.LOST, Status.STOPPED,
    Status.FINISHED,
)  # fmt: skip


def page_bindings(pages: Iterable[str]) -> list[BindingType]:
    """Bindings of 1, 2, ... that choose a page by `action_page`."""
    return [
        Binding(str(number), f"page('{name}')", name, show=False)
        for number, name in enumerate(pages, 1)
    ]


def bindings(*groups: Keys, show: bool = True) -> list[BindingType]:
    """Bindings for all keys that have an action; the KeyBar shows them if `show`.

    Control keys are meant for the screen even while an input has the focus.
    """
    return [
        Binding(
            _KEY_NAMES.get(key, key),
            action,
            text,
            show=show,
            key_display=key,
            priority=key.startswith("ctrl+"),
        )
        for group in groups
        for key, text, action in group
        if action
    ]


_KEY_NAMES = {"/": "slash", "esc": "escape"}


class WorkScreen(Screen[None]):
    """A screen with TopBar and KeyBar. The KeyBar shows `KEYS`, the help `MORE_KEYS` as well."""

    KEYS: ClassVar[Keys] = ()
    MORE_KEYS: ClassVar[Keys] = ()
    heading = ""

    @property
    def bench(self) -> Workbench:
        """The app, as what it is."""
        return cast("Workbench", self.app)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """Textual's bindings, in the order of `KEYS` rather than that of the base classes, since
        only the first may find room.
        """
        order = {_KEY_NAMES.get(key, key): place for place, (key, _, _) in enumerate(self.KEYS)}
        active = super().active_bindings
        if isinstance(self.focused, Input):
            active.pop("slash", None)  # a letter, though Textual does not know this name of it
        return dict(sorted(active.items(), key=lambda item: order.get(item[0], len(order))))

    def bars(self) -> tuple[TopBar, KeyBar]:
        """The two bars, to be composed first and last."""
        demo = self.bench.demo_speed is not None
        return TopBar(f"DEMO {self.heading}" if demo else self.heading), KeyBar()

    def on_screen_resume(self) -> None:
        """Shows what is known at once; Textual calls the handlers of subclasses as well."""
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

    def commands(self) -> Iterable[tuple[str, str, Callable[[], object]]]:
        """(name, help, what to call) for the palette."""
        for key, text, action in (*self.KEYS, *self.MORE_KEYS):
            if action:
                name = text[:1].upper() + text[1:]
                yield name, f"{self.heading}, key {key}", partial(self._run_later, action)

    def _run_later(self, action: str) -> None:
        self.call_later(self.run_action, action)

    def folder(self, run_id: str) -> RunFolder:
        """A run's folder."""
        return RunFolder(self.bench.runs_dir / run_id)


def notify_error(bench: Workbench, error: HashbenchError) -> None:
    """Shows an error and its remedy as a notification."""
    parts = [error.problem, *([error.remedy] if error.remedy else [])]
    text = "\n".join(plain(part) for part in parts)
    bench.notify(text, title=plain(error.where or ""), severity="error", markup=False)


def counts(bench: Workbench) -> tuple[str, str]:
    """`3 running, 1 failed, 12 finished`, and the same with signs for words."""
    loaded, total = bench.loading
    if total < 0:
        return "looking for runs", ""
    if loaded < total:
        return f"reading {loaded:,} of {total:,} runs", f"{loaded:,}/{total:,} runs"
    by_status = Counter(view.status for view in bench.views.values())
    shown = [(status, by_status[status]) for status in _SHOWN if by_status[status]]
    words = ", ".join(f"{count:,} {status}" for status, count in shown)
    signs = " ".join(f"{badge(status)[0][0]}{count:,}" for status, count in shown)
    return words or "no runs", signs
