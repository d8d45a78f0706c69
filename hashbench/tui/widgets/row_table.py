"""A table of many rows that makes only the lines that are seen."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

R = TypeVar("R")

Shown = str | tuple[str, str]
"""A cell: its text, or its text and the name of a style in RowTable.STYLES."""


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column. `rank` 0 always stays; the highest ranks go first where there is no room.

    `width` is the least it takes; what is left over goes to the columns that `grow`.
    """

    key: str
    title: str
    width: int
    text: Callable[[R], Shown]
    rank: int = 0
    right: bool = False
    grow: bool = False


class RowTable(ScrollView, Generic[R], can_focus=True):
    """Rows of any kind in columns; posts Moved, Opened, and HeaderPressed."""

    STYLES: ClassVar[tuple[str, ...]] = (
        "good", "bad", "warn", "busy", "calm", "dim", "strong",
    )  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--header", "rows--cursor", "rows--cursor-blurred", *(f"rows--{s}" for s in STYLES),
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(0)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
        Binding("enter", "open", "Open", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, table: RowTable[Any], key: Hashable | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> RowTable[Any]:
            return self.table

    class Opened(Moved):
        """Enter, or a double click, on a row."""

    class HeaderPressed(Message):
        """A click on the title of a column."""

        def __init__(self, table: RowTable[Any], column: str) -> None:
            super().__init__()
            self.table = table
            self.column = column

        @property
        def control(self) -> RowTable[Any]:
            return self.table

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], Hashable],
        *,
        empty: str = "",
        header: bool = True,
        id: str | None = None,  # noqa: A002 - as every widget of Textual
    ) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._key = key
        self._rows: Sequence[R] = ()
        self._keys: list[Hashable] = []
        self._cursor = 0
        self._sorted = ("", False)
        self._laid: tuple[int, list[tuple[Column[R], int]]] = (-1, [])
        self._base: Style | None = None
        self._above = 1 if header else 0  # lines above the first row
        self.empty = empty

    @property
    def cursor_key(self) -> Hashable | None:
        """The key of the row under the cursor, None in an empty table."""
        return self._keys[self._cursor] if self._keys else None

    @property
    def cursor_row(self) -> R | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._keys else None

    def set_columns(self, columns: Sequence[Column[R]]) -> None:
        """Other columns for the same kind of rows."""
        self._columns = tuple(columns)
        self._laid = (-1, [])
        self.refresh()

    def show(self, rows: Sequence[R], sorted_by: str = "", *, descending: bool = False) -> None:
        """Other rows; the cursor stays with its row, or else at its place."""
        before, place = self.cursor_key, self._cursor
        shown, order = self._rows, self._sorted
        self._rows, self._sorted = rows, (sorted_by, descending)
        keys = [self._key(row) for row in rows]
        if keys == self._keys and order == self._sorted and keys:
            for index, (old, new) in enumerate(zip(shown, rows, strict=True)):
                if old is not new and old != new:
                    self._refresh_row(index)
            return
        if keys != self._keys:
            self._keys = keys
            self._cursor = min(place, max(0, len(keys) - 1))
            if before is not None and before in keys:
                self._cursor = keys.index(before)
            self._fit()
        self.refresh()
        if self.cursor_key != before:
            self.post_message(self.Moved(self, self.cursor_key))

    def _refresh_row(self, index: int) -> None:
        line = index - self.scroll_offset.y
        if 0 <= line < self.size.height - self._above:
            self.refresh(Region(0, line + self._above, self.size.width, 1))

    def move_to(self, key: Hashable) -> None:
        """The cursor to a row, if it is there."""
        if key in self._keys:
            self._go(self._keys.index(key))

    def _fit(self) -> None:
        self.virtual_size = Size(max(1, self.size.width), len(self._rows) + self._above)
        self._keep_in_sight()

    def on_resize(self) -> None:
        """Columns are laid out anew."""
        self._laid = (-1, [])
        self._fit()

    def notify_style_update(self) -> None:
        """Another theme: no line may stay as it was."""
        super().notify_style_update()
        self._base = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the table; the first is the header."""
        width = self.size.width
        if self._base is None:
            self._base = self.rich_style  # made out of all ancestors: too dear for every line
        plain = self._base
        if y < self._above:
            return self._line(self._header(), width, self._style("rows--header"))
        index = self.scroll_offset.y + y - self._above
        if index >= len(self._rows):
            text = self.empty if not self._rows and y == 2 * self._above else ""
            return Strip([Segment(set_cell_size(f"  {text}", width), plain)], width)
        row = self._rows[index]
        cells = [(column.text(row), column, size) for column, size in self._layout(width)]
        base = plain
        if index == self._cursor:
            base = self._style("rows--cursor" if self.has_focus else "rows--cursor-blurred")
        return self._line(cells, width, base, cursor=index == self._cursor)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name)

    def _line(
        self,
        cells: list[tuple[Shown, Column[R], int]],
        width: int,
        base: Style,
        *,
        cursor: bool = False,
    ) -> Strip:
        segments = [Segment("▸" if cursor else " ", base)]
        for shown, column, size in cells:
            text, name = shown if isinstance(shown, tuple) else (shown, "")
            style = base
            if name:
                style = base + self.get_component_rich_style(f"rows--{name}", partial=True)
            if cell_len(text) > size:
                text = set_cell_size(text, size - 1) + "…"
            padding = " " * max(0, size - cell_len(text))
            segments.append(Segment(padding + text if column.right else text + padding, style))
            segments.append(Segment(" ", base))
        return Strip(segments).adjust_cell_length(width, base)

    def _header(self) -> list[tuple[Shown, Column[R], int]]:
        key, descending = self._sorted
        arrow = "▼" if descending else "▲"
        return [
            (f"{column.title}{arrow}" if column.key == key else column.title, column, size)
            for column, size in self._layout(self.size.width)
        ]

    def _layout(self, width: int) -> list[tuple[Column[R], int]]:
        """The columns that find room in `width`, with the room that each gets."""
        if self._laid[0] == width:
            return self._laid[1]
        shown = list(self._columns)
        room = width - 1
        while len(shown) > 1 and sum(column.width + 1 for column in shown) > room:
            shown.remove(max(reversed(shown), key=lambda column: column.rank))
        left = max(0, room - sum(column.width + 1 for column in shown))
        growing = [column for column in shown if column.grow]
        sizes = []
        for column in shown:
            extra = left // len(growing) if column.grow else 0
            if growing and column is growing[-1]:
                extra = left - (left // len(growing)) * (len(growing) - 1)
            sizes.append((column, column.width + extra))
        self._laid = (width, sizes)
        return sizes

    def _go(self, index: int) -> None:
        if not self._keys:
            return
        index = max(0, min(index, len(self._keys) - 1))
        if index != self._cursor:
            self._cursor = index
            self._keep_in_sight()
            self.refresh()
            self.post_message(self.Moved(self, self.cursor_key))

    def _keep_in_sight(self) -> None:
        seen = max(1, self.size.height - self._above)
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + seen:
            self.scroll_to(y=self._cursor - seen + 1, animate=False, immediate=True)

    def action_move(self, by: int) -> None:
        """A row up or down."""
        self._go(self._cursor + by)

    def action_page(self, by: int) -> None:
        """A page up or down."""
        self._go(self._cursor + by * max(1, self.size.height - 1 - self._above))

    def action_edge(self, last: int) -> None:
        """The first or the last row."""
        self._go(len(self._keys) - 1 if last else 0)

    def action_open(self) -> None:
        """Tells that the row is to be opened."""
        if self._keys:
            self.post_message(self.Opened(self, self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a double click opens, one on a title sorts."""
        at = event.get_content_offset(self)
        if at is None:
            return  # on the border
        if at.y < self._above:
            start = 1
            for column, size in self._layout(self.size.width):
                if start <= at.x < start + size:
                    self.post_message(self.HeaderPressed(self, column.key))
                start += size + 1
            return
        index = self.scroll_offset.y + at.y - self._above
        if index < len(self._keys):
            self._go(index)
            if event.chain == 2:
                self.action_open()

    def on_focus(self) -> None:
        """The cursor's colour changes."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor's colour changes."""
        self.refresh()
