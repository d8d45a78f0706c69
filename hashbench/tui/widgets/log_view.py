"""Lines that grow at their end, with search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hashbench.report.narration import Line


class LogLines(ScrollView, can_focus=True):
    """Shows lines; stays at their end until somebody scrolls up. n and N go through the hits."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--info", "log--warning", "log--error", "log--output", "log--hit", "log--current",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask_search", "Search", key_display="/"),
        Binding("n", "next_hit(1)", "Next hit", show=False),
        Binding("N", "next_hit(-1)", "Hit before", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]
    ALLOW_MAXIMIZE = True

    class SearchAsked(Message):
        """The person wants to type what to search for."""

        def __init__(self, log: LogLines) -> None:
            super().__init__()
            self.log_lines = log

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.border_title = title
        self._title = title
        self._lines: Sequence[Line] = ()
        self._wanted = ""
        self._hits: list[int] = []
        self._hit = -1
        self._follows = True

    @property
    def hits(self) -> int:
        """How many lines hold what is searched for."""
        return len(self._hits)

    def show(self, lines: Sequence[Line]) -> None:
        """Other lines."""
        if lines == self._lines:
            return
        self._lines = lines
        width = max((cell_len(line.text) for line in lines), default=0)
        self.virtual_size = Size(width, len(lines))
        self._find()
        self.refresh()
        self._follow()

    def _follow(self) -> None:
        if self._follows and self.size.height:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def on_resize(self) -> None:
        """A panel that comes to sight shows the latest lines."""
        self._follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls away from the end stays there, until they come back to it."""
        super().watch_scroll_y(old_value, new_value)
        self._follows = new_value >= self.max_scroll_y - 1

    def search(self, wanted: str) -> None:
        """Marks lines that hold `wanted`, whatever the case, and goes to the last; '' ends it."""
        self._wanted = wanted.lower()
        self._hit = -1
        self._find()
        if self._hits:
            self._hit = 0
            self.action_next_hit(-1)
        self.refresh()

    def _find(self) -> None:
        wanted = self._wanted
        self._hits = [
            number
            for number, line in enumerate(self._lines)
            if wanted and wanted in line.text.lower()
        ]
        if not self._hits:
            self._hit = -1
        self._tell()

    def _tell(self) -> None:
        if not self._wanted:
            self.border_title = self._title
        elif self._hits:
            place = f"{self._hit + 1} of " if self._hit >= 0 else ""
            self.border_title = f"{self._title}: {place}{len(self._hits)} x {self._wanted!r}"
        else:
            self.border_title = f"{self._title}: no {self._wanted!r}"

    def action_ask_search(self) -> None:
        """Asks the screen for what to search for."""
        self.post_message(self.SearchAsked(self))

    def action_next_hit(self, by: int) -> None:
        """On to the next or back to the hit before."""
        if not self._hits:
            return
        self._hit = (self._hit + by) % len(self._hits)
        line = self._hits[self._hit]
        self.scroll_to(y=max(0, line - self.size.height // 2), animate=False, immediate=True)
        self._tell()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line."""
        left, top = self.scroll_offset
        number, width = top + y, self.size.width
        if not self._lines and y == 0:
            text = "nothing was told yet"
            return Strip([Segment(text, self.rich_style)]).adjust_cell_length(
                width, self.rich_style
            )
        if number >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[number]
        style = self.rich_style
        style += self.get_component_rich_style(f"log--{line.level}", partial=True)
        segments = [Segment(line.text, style)]
        if self._wanted:
            current = self._hit >= 0 and self._hits[self._hit] == number
            name = "log--current" if current else "log--hit"
            hit = style + self.get_component_rich_style(name, partial=True)
            segments = []
            rest, low = line.text, line.text.lower()
            # lower() may change a letter's length; then marks are left out rather than wrong
            while len(low) == len(rest) and (place := low.find(self._wanted)) >= 0:
                end = place + len(self._wanted)
                segments += [Segment(rest[:place], style), Segment(rest[place:end], hit)]
                rest, low = rest[end:], low[end:]
            segments.append(Segment(rest, style))
        return Strip(segments).crop_extend(left, left + width, self.rich_style)
