"""One-line bars: the title with the machine's meter, the keys, and the names of pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hashbench.tui.system_monitor import Gpu, Machine

_LEVELS = " ▁▂▃▄▅▆▇█"


class TopBar(Widget):
    """Where one is at the left, what runs in the middle, the machine at the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"top--name", "top--meter"}

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._told = ("", "")
        self._machine: Machine | None = None

    def show(self, told: str, short: str = "") -> None:
        """What is told in the middle; `short` takes its place where there is little room."""
        if (told, short or told) != self._told:
            self._told = told, short or told
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
        told, meter = self._fitting(width - len(title) - 2)
        gap = Segment(" " * max(0, width - len(title) - 2 - cell_len(told) - cell_len(meter)), base)
        parts = [Segment(title, name), Segment(f" {told} ", base), gap, Segment(meter, quiet)]
        return Strip(parts).adjust_cell_length(width, base)

    def _fitting(self, room: int) -> tuple[str, str]:
        """The longest words and meter that find room, both if at all possible."""
        meters = [""]
        if self._machine is not None:
            meters = [meter_text(self._machine, short=short) + " " for short in (False, True)]
        for told in self._told:
            for meter in meters:
                if cell_len(told) + cell_len(meter) <= room:
                    return told, meter
        return self._told[1], ""


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
    """The keys of a screen, the most wanted first; those that find no room are told by `?`.

    A click on one presses it.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key"}
    LAST = ("?", "help")

    class Pressed(Message):
        """A key was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = list(keys)
        self._places: list[tuple[int, int, str]] = []

    def show(self, keys: Sequence[tuple[str, str]]) -> None:
        """Other keys."""
        if list(keys) != self._keys:
            self._keys = list(keys)
            self.refresh()

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one
        """The line."""
        base, key_style = self.rich_style, self.get_component_rich_style("keys--key")
        width = self.size.width
        kept = [key for key in self._keys if key[0] == "esc"] + [self.LAST]
        room = width - sum(_key_size(key) for key in kept)
        shown = [
            key for key in self._keys if key not in kept and (room := room - _key_size(key)) >= 0
        ]
        segments: list[Segment] = []
        self._places = []
        used = 0
        for key, told in [*shown, *kept]:
            size = _key_size((key, told))
            self._places.append((used, used + size, key))
            segments += [Segment(f" {key}", key_style), Segment(f" {told} ", base)]
            used += size
        return Strip(segments).adjust_cell_length(width, base)

    def on_click(self, event: events.Click) -> None:
        """Tells which key was meant."""
        for start, end, key in self._places:
            if start <= event.x < end:
                self.post_message(self.Pressed(key))


def _key_size(key: tuple[str, str]) -> int:
    return cell_len(key[0]) + cell_len(key[1]) + 3


class PageBar(Widget):
    """Names of pages with their number keys; posts Chosen on a click."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"pages--chosen"}

    class Chosen(Message):
        """A page was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.page = name

    def __init__(self, names: Sequence[str], chosen: str) -> None:
        super().__init__()
        self._names = list(names)
        self._chosen = chosen
        self._places: list[tuple[int, int, str]] = []

    def show(self, chosen: str) -> None:
        """Marks a page."""
        if chosen != self._chosen:
            self._chosen = chosen
            self.refresh()

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one
        """The line; the chosen page stands in brackets, so that colour is not needed."""
        base, chosen = self.rich_style, self.get_component_rich_style("pages--chosen")
        segments: list[Segment] = []
        self._places = []
        used = 0
        for number, name in enumerate(self._names, 1):
            here = name == self._chosen
            text = f"[{number} {name}]" if here else f" {number} {name} "
            segments.append(Segment(text, chosen if here else base))
            self._places.append((used, used + cell_len(text), name))
            used += cell_len(text)
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def on_click(self, event: events.Click) -> None:
        """Tells which page was meant."""
        for start, end, name in self._places:
            if start <= event.x < end:
                self.post_message(self.Chosen(name))
