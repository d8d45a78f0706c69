"""One-line bars: the title with the machine's load, the keys, and the tabs of pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events, on
from textual.binding import Binding
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Tab, Tabs

from hashbench.runs.gpus import Gpu
from hashbench.tui.system_monitor import Machine

_LEVELS = " ▁▂▃▄▅▆▇█"


class TopBar(Widget):
    """The screen's name on the left, what runs in the middle, the machine's load on the right.

    Textual's Header centres one title and has no room for a second and a third text.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"top--name", "top--meter"}

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._texts = ("", "")
        self._machine: Machine | None = None

    def show(self, text: str, short: str = "") -> None:
        """The text in the middle; `short` takes its place where there is little room."""
        if (text, short or text) != self._texts:
            self._texts = text, short or text
            self.refresh()

    def show_machine(self, machine: Machine) -> None:
        """A reading of the machine."""
        if machine != self._machine:
            self._machine = machine
            self.refresh()

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one
        """The line."""
        width = self.size.width
        base = self.rich_style
        name = self.get_component_rich_style("top--name")
        quiet = self.get_component_rich_style("top--meter")
        title = f" hashbench {self._title} "
        text, meter = self._fitting(width - len(title) - 2)
        gap = Segment(" " * max(0, width - len(title) - 2 - cell_len(text) - cell_len(meter)), base)
        parts = [Segment(title, name), Segment(f" {text} ", base), gap, Segment(meter, quiet)]
        return Strip(parts).adjust_cell_length(width, base)

    def _fitting(self, room: int) -> tuple[str, str]:
        """The longest text and meter that find room, both if at all possible."""
        meters = [""]
        if self._machine is not None:
            meters = [meter_text(self._machine, short=short) + " " for short in (False, True)]
        for text in self._texts:
            for meter in meters:
                if cell_len(text) + cell_len(meter) <= room:
                    return text, meter
        return self._texts[1], ""


def meter_text(machine: Machine, *, short: bool) -> str:
    """`cpu ▅ 56% of 16  mem ▂ 5.1/23.0 GB  gpu0 █ 98% 61/80 GB`; without GPUs, none is named."""
    cpu = f"cpu {_level(machine.cpu)} {machine.cpu:.0%}"
    memory = machine.memory_used / machine.memory_total if machine.memory_total else 0.0
    if short:
        parts = [cpu, f"mem {_level(memory)} {memory:.0%}"]
    else:
        used, total = machine.memory_used / 2**30, machine.memory_total / 2**30
        parts = [f"{cpu} of {machine.cores}", f"mem {_level(memory)} {used:.1f}/{total:.1f} GB"]
    return "  ".join([*parts, *(_gpu(gpu, short=short) for gpu in machine.gpus)])


def _gpu(gpu: Gpu, *, short: bool) -> str:
    text = f"gpu{gpu.index}"
    if gpu.load is not None:
        text += f" {_level(gpu.load)} {gpu.load:.0%}"
    if gpu.used is not None and gpu.total and not short:
        text += f" {gpu.used / 2**30:.0f}/{gpu.total / 2**30:.0f} GB"
    return text


def _level(share: float) -> str:
    return _LEVELS[round(max(0.0, min(1.0, share)) * (len(_LEVELS) - 1))]


class KeyBar(Widget):
    """The keys that the screen's bindings show, in their order; a click presses one.

    Textual's Footer mounts a widget for each key, which doubled the time of the first frame and
    of opening a screen, and where room is short it cuts off whatever comes last. Here whole keys
    are left out, but never `esc` and `?`, which names them all.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key"}
    ALWAYS: ClassVar[tuple[str, ...]] = ("escape", "question_mark")

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[tuple[int, int, str]] = []  # columns from, to, and the key there

    def on_mount(self) -> None:
        """Other bindings are active when the focus moves."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one
        """The line."""
        base, key_style = self.rich_style, self.get_component_rich_style("keys--key")
        width = self.size.width
        keys = [key.binding for key in self.screen.active_bindings.values() if key.binding.show]
        always = [key for key in keys if key.key in self.ALWAYS]
        room = width - sum(_key_width(key) for key in always)
        shown = [key for key in keys if key not in always and (room := room - _key_width(key)) >= 0]
        segments: list[Segment] = []
        self._spans = []
        start = 0
        for key in [*shown, *always]:
            end = start + _key_width(key)
            self._spans.append((start, end, key.key))
            segments.append(Segment(f" {key.key_display}", key_style))
            segments.append(Segment(f" {key.description} ", base))
            start = end
        return Strip(segments).adjust_cell_length(width, base)

    def on_click(self, event: events.Click) -> None:
        """Presses the key under the mouse."""
        for start, end, key in self._spans:
            if start <= event.x < end:
                self.app.simulate_key(key)


def _key_width(key: Binding) -> int:
    return cell_len(key.key_display or key.key) + cell_len(key.description) + 3


class PageTabs(Tabs, can_focus=False):
    """Textual's tabs for pages that the number keys choose; the focus stays with the page.

    `PageSelected` is a click on a tab, and no echo of `activate`.
    """

    class PageSelected(Message):
        """A page was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: Sequence[str], active: str) -> None:
        self._page = active
        tabs = (Tab(f"{number} {name}", id=f"tab-{name}") for number, name in enumerate(names, 1))
        super().__init__(*tabs, active=f"tab-{active}")

    def activate(self, name: str) -> None:
        """Makes a page's tab the active one."""
        self._page = name
        self.active = f"tab-{name}"

    @on(Tabs.TabActivated)
    def _tab_activated(self, event: Tabs.TabActivated) -> None:
        event.stop()
        name = str(event.tab.id).removeprefix("tab-")
        if name != self._page:
            self._page = name
            self.post_message(self.PageSelected(name))
