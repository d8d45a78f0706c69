"""A table of many rows that renders only the lines in view."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hashbench.report.text import plural
from hashbench.tui.widgets.row_columns import BY_RANK, CellText, Column, lay_out

R = TypeVar("R")

_LEFT = '[@click="scroll_columns(-1)"]←[/]'
_RIGHT = '[@click="scroll_columns(1)"]→[/]'


class RowTable(ScrollView, Generic[R], can_focus=True):
    """Rows of any kind in columns; posts RowHighlighted, RowSelected, and HeaderSelected.

    Columns that find no room are counted in the border's subtitle; left and right reach them, and
    those of rank 0 stay in sight. Textual's DataTable measures every cell of every row and hides no
    columns: 1,000 rows of 15 columns took it 0.9 s, against 0.08 s here.
    """

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
        Binding("left", "scroll_columns(-1)", "Columns to the left", show=False),
        Binding("right", "scroll_columns(1)", "Columns to the right", show=False),
    ]

    class RowHighlighted(Message):
        """The cursor moved to another row."""

        def __init__(self, table: RowTable[Any], key: Hashable | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> RowTable[Any]:
            return self.table

    class RowSelected(RowHighlighted):
        """Enter, or a double click, on a row."""

    class HeaderSelected(Message):
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
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._key = key
        self._rows: Sequence[R] = ()
        self._keys: list[Hashable] = []
        self._cursor = 0
        self._sorted = ("", False)
        self._first = BY_RANK  # of the columns with a rank, the one that is scrolled to
        self._layouts: tuple[int, list[tuple[Column[R], int]]] = (-1, [])  # of one width
        self._base: Style | None = None
        self._header_height = 1 if header else 0
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
        self._first = min(self._first, sum(bool(column.rank) for column in columns) - 1)
        self._columns_changed()

    def show(self, rows: Sequence[R], sorted_by: str = "", *, descending: bool = False) -> None:
        """Other rows; the cursor stays with its row, or else at its place."""
        previous, place = self.cursor_key, self._cursor
        old_rows, order = self._rows, self._sorted
        self._rows, self._sorted = rows, (sorted_by, descending)
        keys = [self._key(row) for row in rows]
        if keys == self._keys and order == self._sorted and keys:
            for index, (old, new) in enumerate(zip(old_rows, rows, strict=True)):
                if old is not new and old != new:
                    self._refresh_row(index)
            return
        if keys != self._keys:
            self._keys = keys
            self._cursor = min(place, max(0, len(keys) - 1))
            if previous is not None and previous in keys:
                self._cursor = keys.index(previous)
            self._update_size()
        self.refresh()
        if self.cursor_key != previous:
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def _refresh_row(self, index: int) -> None:
        line = index - self.scroll_offset.y
        if 0 <= line < self.size.height - self._header_height:
            self.refresh(Region(0, line + self._header_height, self.size.width, 1))

    def move_to(self, key: Hashable) -> None:
        """The cursor to a row, if it is there."""
        if key in self._keys:
            self._move_cursor(self._keys.index(key))

    def _update_size(self) -> None:
        self.virtual_size = Size(max(1, self.size.width), len(self._rows) + self._header_height)
        self._scroll_to_cursor()

    def on_resize(self) -> None:
        """Columns are laid out anew."""
        self._columns_changed()
        self._update_size()

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
        if y < self._header_height:
            return self._line(self._header(), width, self._style("rows--header"))
        index = self.scroll_offset.y + y - self._header_height
        if index >= len(self._rows):
            text = self.empty if not self._rows and y == 2 * self._header_height else ""
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
        cells: list[tuple[CellText, Column[R], int]],
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
                own = self.get_component_rich_style(f"rows--{name}", partial=True)
                # green on the cursor's blue could not be read
                style = base + (own.without_color if cursor and self.has_focus else own)
            if cell_len(text) > size:
                text = set_cell_size(text, size - 1) + "…"
            padding = " " * max(0, size - cell_len(text))
            segments.append(Segment(padding + text if column.right else text + padding, style))
            segments.append(Segment(" ", base))
        return Strip(segments).adjust_cell_length(width, base)

    def _header(self) -> list[tuple[CellText, Column[R], int]]:
        key, descending = self._sorted
        arrow = "▼" if descending else "▲"
        return [
            (f"{column.title}{arrow}" if column.key == key else column.title, column, size)
            for column, size in self._layout(self.size.width)
        ]

    def _layout(self, width: int) -> list[tuple[Column[R], int]]:
        """The columns that find room in `width`, with the width that each gets."""
        if self._layouts[0] != width:  # asked for every line
            self._layouts = (width, self._lay_out(width, self._first))
        return self._layouts[1]

    def _lay_out(self, width: int, first: int) -> list[tuple[Column[R], int]]:
        return lay_out(self._columns, width - 1, first)  # the cursor stands left of them

    @property
    def hidden_columns(self) -> tuple[int, int]:
        """How many columns are hidden on the left, and elsewhere."""
        before = max(0, self._first)
        hidden = len(self._columns) - len(self._layout(self.size.width))
        return before, max(0, hidden - before)

    def _columns_changed(self) -> None:
        """Lays the columns out anew, and says below them how many are hidden."""
        self._layouts = (-1, [])
        if self.size.width:
            before, after = self.hidden_columns
            arrows = [_LEFT] if self._first != BY_RANK else []
            arrows += [_RIGHT] if after else []
            text = plural(before + after, "more column")
            self.border_subtitle = f"{text}: {' '.join(arrows)}" if arrows else ""
        self.refresh()

    def action_scroll_columns(self, by: int) -> None:
        """Scrolls until other columns are in sight; where that side hides none, the key is the
        screen's.
        """
        width, (_, after) = self.size.width, self.hidden_columns
        shown, first = self._layout(width), self._first
        scrollable = sum(bool(column.rank) for column in self._columns)
        while self._lay_out(width, first) == shown:
            first += by
            if first < BY_RANK or first >= scrollable or (by > 0 and not after):
                raise SkipAction
        self._first = first
        if self._lay_out(width, BY_RANK) == self._lay_out(width, first):
            self._first = BY_RANK  # back at the beginning
        self._columns_changed()

    def _move_cursor(self, index: int) -> None:
        if not self._keys:
            return
        index = max(0, min(index, len(self._keys) - 1))
        if index != self._cursor:
            self._cursor = index
            self._scroll_to_cursor()
            self.refresh()
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def _scroll_to_cursor(self) -> None:
        visible = max(1, self.size.height - self._header_height)
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + visible:
            self.scroll_to(y=self._cursor - visible + 1, animate=False, immediate=True)

    def action_move(self, by: int) -> None:
        """A row up or down."""
        self._move_cursor(self._cursor + by)

    def action_page(self, by: int) -> None:
        """A page up or down."""
        self._move_cursor(self._cursor + by * max(1, self.size.height - 1 - self._header_height))

    def action_edge(self, last: int) -> None:
        """The first or the last row."""
        self._move_cursor(len(self._keys) - 1 if last else 0)

    def key_enter(self, event: events.Key) -> None:
        """As a double click; no binding, which would hide the screen's name for it in the bar."""
        event.stop()
        self.action_select()

    def action_select(self) -> None:
        """Selects the row under the cursor."""
        if self._keys:
            self.post_message(self.RowSelected(self, self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a double click selects, one on a title sorts."""
        offset = event.get_content_offset(self)
        if offset is None:
            return  # on the border
        if offset.y < self._header_height:
            start = 1
            for column, size in self._layout(self.size.width):
                if start <= offset.x < start + size:
                    self.post_message(self.HeaderSelected(self, column.key))
                start += size + 1
            return
        index = self.scroll_offset.y + offset.y - self._header_height
        if index < len(self._keys):
            self._move_cursor(index)
            if event.chain == 2:
                self.action_select()

    def on_focus(self) -> None:
        """The cursor's colour changes."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor's colour changes."""
        self.refresh()
