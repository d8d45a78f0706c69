"""A log that grows at its end, with search."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hashbench.report.narration import Line

INDENT = "    "
"""Of what goes on from the row above."""


class LogView(ScrollView, can_focus=True):
    """Shows lines, wrapped; stays at the end unless scrolled up. n and N go through the matches.

    Textual's Log has one style for all lines, and RichLog cannot restyle lines that are written,
    which warnings and the marks of a search need.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--info", "log--warning", "log--error", "log--output", "log--match", "log--current",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", show=False),
        Binding("n", "next_match(1)", "Next match", show=False),
        Binding("N", "next_match(-1)", "Previous match", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]
    ALLOW_MAXIMIZE = True

    class SearchRequested(Message):
        """Asks the screen to prompt for what to search for."""

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.border_title = title
        self._title = title
        self._lines: Sequence[Line] = ()
        self._rows: list[tuple[int, str]] = []  # the number of a line, and as much as has room
        self._first_rows: list[int] = []  # of each line
        self._pattern = ""
        self._matches: list[int] = []
        self._match = -1
        self._follows = True

    @property
    def matches(self) -> int:
        """How many lines contain what is searched for."""
        return len(self._matches)

    def show(self, lines: Sequence[Line]) -> None:
        """Other lines."""
        if lines == self._lines:
            return
        self._lines = lines
        self._find()
        self._wrap()

    def _wrap(self) -> None:
        """Lays the lines out in rows as wide as the panel."""
        width = self.scrollable_content_region.width
        self._rows, self._first_rows = [], []
        for number, line in enumerate(self._lines):
            self._first_rows.append(len(self._rows))
            self._rows += [(number, row) for row in _rows_of(line.text, width)]
        self.virtual_size = Size(width, len(self._rows))
        self.refresh()
        self._follow()

    def _follow(self) -> None:
        if self._follows and self.size.height:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def on_resize(self) -> None:
        """Another width; and a panel that becomes visible shows the latest lines."""
        self._wrap()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follows new lines only while the end is in view."""
        super().watch_scroll_y(old_value, new_value)
        self._follows = new_value >= self.max_scroll_y - 1

    def search(self, pattern: str) -> None:
        """Marks lines that contain `pattern`, in any case, and goes to the last; '' ends it."""
        self._pattern = pattern.lower()
        self._match = -1
        self._find()
        if self._matches:
            self._match = 0
            self.action_next_match(-1)
        self.refresh()

    def _find(self) -> None:
        pattern = self._pattern
        self._matches = [
            number
            for number, line in enumerate(self._lines)
            if pattern and pattern in line.text.lower()
        ]
        if not self._matches:
            self._match = -1
        self._update_title()

    def _update_title(self) -> None:
        if not self._pattern:
            self.border_title = self._title
        elif self._matches:
            place = f"{self._match + 1} of " if self._match >= 0 else ""
            self.border_title = f"{self._title}: {place}{len(self._matches)} x {self._pattern!r}"
        else:
            self.border_title = f"{self._title}: no {self._pattern!r}"

    def action_search(self) -> None:
        """Asks the screen to prompt for what to search for."""
        self.post_message(self.SearchRequested())

    def action_next_match(self, by: int) -> None:
        """The next or the previous match."""
        if not self._matches:
            return
        self._match = (self._match + by) % len(self._matches)
        row = self._first_rows[self._matches[self._match]]
        self.scroll_to(y=max(0, row - self.size.height // 2), animate=False, immediate=True)
        self._update_title()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row."""
        width, base = self.size.width, self.rich_style
        index = self.scroll_offset.y + y
        if not self._lines and y == 0:
            return Strip([Segment("no lines yet", base)]).adjust_cell_length(width, base)
        if index >= len(self._rows):
            return Strip.blank(width, base)
        number, text = self._rows[index]
        level = self._lines[number].level
        style = base + self.get_component_rich_style(f"log--{level}", partial=True)
        segments = [Segment(text, style)]
        if self._pattern:
            current = self._match >= 0 and self._matches[self._match] == number
            name = "log--current" if current else "log--match"
            marked = style + self.get_component_rich_style(name, partial=True)
            segments = []
            rest, low = text, text.lower()
            # lower() may change a letter's length; then marks are left out rather than wrong
            while len(low) == len(rest) and (place := low.find(self._pattern)) >= 0:
                end = place + len(self._pattern)
                segments += [Segment(rest[:place], style), Segment(rest[place:end], marked)]
                rest, low = rest[end:], low[end:]
            segments.append(Segment(rest, style))
        return Strip(segments).adjust_cell_length(width, base)


@functools.lru_cache(maxsize=4096)  # a log is wrapped again with every line that it gets
def _rows_of(text: str, width: int) -> tuple[str, ...]:
    """A line in rows of at most `width` cells, broken between words where that is possible."""
    if cell_len(text) <= width or width <= 2 * len(INDENT):
        return (text,)
    rows = textwrap.wrap(
        text, width, subsequent_indent=INDENT, replace_whitespace=False, break_on_hyphens=False
    )
    # textwrap counts letters, of which some take two cells
    return tuple(piece for row in rows or [""] for piece in chop_cells(row, width) or [""])
