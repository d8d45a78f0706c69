"""Which classes a run finds for the queries of which: a table of shares, and bars for one class."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from hashbench.errors import HashbenchError
from hashbench.plan.directions import find_direction
from hashbench.report.text import plain
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error
from hashbench.tui.subprocesses import RetrievalClient
from hashbench.tui.widgets.row_columns import CellText, Column
from hashbench.tui.widgets.row_table import RowTable

TOPS = (10, 50, 200)
BAR = 30  # cells of a bar for 100 %
Row = dict[str, Any]


class Confusion(WorkScreen):
    """A row for each class of queries, a column for each class of what is found."""

    heading = "classes"
    KEYS: ClassVar[Keys] = (
        ("esc", "back", "leave"),
        ("d", "direction", "direction"),
        ("b", "bits", "bits"),
        ("t", "first hits", "top"),
        ("o", "worst first", "order"),
    )
    MORE_KEYS: ClassVar[Keys] = (
        ("t", "of the first 10, 50 or 200 hits", ""),
        ("o", "classes that find themselves least often first, or as in the dataset", ""),
        ("left right", "further classes that are found", ""),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("q", "leave", "Back", show=False),
    ]

    def __init__(
        self, client: RetrievalClient, library: dict[str, Any], bits: int, direction: str
    ) -> None:
        super().__init__()
        self._client, self._library = client, library
        self._bits, self._direction, self._top = bits, direction, TOPS[1]
        self._answer: dict[str, Any] = {}
        self._worst_first = True

    def compose(self) -> ComposeResult:
        """What is counted, the table, the class under the cursor."""
        top, keys = self.bars()
        yield top
        yield Static(id="summary", markup=False)
        yield RowTable((), key=lambda row: row["place"], id="confusion")
        yield Static(id="confused", classes="box", markup=False)
        yield keys

    def on_mount(self) -> None:
        """Asks for the shares."""
        self.query_one(RowTable).focus()
        self._ask()

    @work(exclusive=True, group="confusion")
    async def _ask(self) -> None:
        table: RowTable[Row] = self.query_one(RowTable)
        self.query_one("#summary", Static).update("counting")
        question = {"bits": self._bits, "direction": self._direction, "top": self._top}
        try:
            self._answer = await self._client.ask(ask="confusion", **question)
        except HashbenchError as error:
            table.empty = plain(error.problem)
            table.refresh()
            notify_error(self.bench, error)
            return
        self._show()

    def _show(self) -> None:
        answer = self._answer
        table: RowTable[Row] = self.query_one(RowTable)
        names = [plain(name) for name in answer["names"]]
        widest = min(16, max(map(len, names), default=5))
        table.set_columns(
            (
                Column("class", "queries of", widest + 5, _name),
                Column("own", "own", 4, lambda row: (_percent(row["own"]), "strong"), right=True),
                *(
                    Column(f"c{place}", str(place + 1), 3, _cell(place), rank=1, right=True)
                    for place in range(len(names))
                ),
            )
        )
        rows = [
            {"place": place, "name": name, "shares": shares, "own": shares[place],
             "queries": queries}
            for place, (name, shares, queries) in enumerate(
                zip(names, answer["shares"], answer["queries"], strict=True)
            )
            if queries
        ]  # fmt: skip
        if self._worst_first:
            rows.sort(key=lambda row: row["own"])
        table.empty = "no query has a class"
        table.show(rows)
        table.action_edge(0)
        direction = find_direction(self._direction).title
        order = "worst first" if self._worst_first else "as in the dataset"
        self.query_one("#summary", Static).update(
            Content(
                f"{direction}, {self._bits} bits | of the first {answer['top']} hits of queries of "
                f"a class, the share (%) that has each class; {order}"
            )
        )
        self._show_class()

    @on(RowTable.RowHighlighted)
    def _show_class(self) -> None:
        """Bars of the class under the cursor; first what is most above chance, since a frequent
        class is found for every other.
        """
        row = self.query_one(RowTable).cursor_row
        box = self.query_one("#confused", Static)
        if row is None or not self._answer:
            box.update("")
            return
        names, database = self._answer["names"], self._answer["database"]
        order = sorted(range(len(names)), key=lambda c: database[c] - row["shares"][c])
        room = max(1, box.size.height or 8)
        lines = []
        for place in order[:room]:
            share = row["shares"][place]
            bar = "█" * round(BAR * min(1.0, share))
            own = "own" if place == row["place"] else ""
            lines.append(
                f"{plain(names[place])[:16]:<16} {share:>4.0%} {bar:<{BAR}} "
                f"by chance {database[place]:.0%} {own}"
            )
        box.border_title = f"{row['name']}: {row['queries']:,} queries find"
        box.update(Content("\n".join(lines)))

    def action_direction(self) -> None:
        """The next direction."""
        self._direction = _next(self._library["directions"], self._direction)
        self._ask()

    def action_bits(self) -> None:
        """The next bit length."""
        self._bits = _next(self._library["bits"], self._bits)
        self._ask()

    def action_top(self) -> None:
        """Fewer or more of the first hits."""
        self._top = _next(TOPS, self._top)
        self._ask()

    def action_order(self) -> None:
        """Worst first, or the order of the dataset."""
        self._worst_first = not self._worst_first
        if self._answer:
            self._show()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _next(values: Any, value: Any) -> Any:
    return values[(list(values).index(value) + 1) % len(values)]


def _name(row: Row) -> CellText:
    return f"{row['place'] + 1:>3} {row['name']}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _cell(place: int) -> Any:
    def cell(row: Row) -> CellText:
        share = row["shares"][place]
        if place == row["place"]:
            return f"·{_percent(share)}"[-3:], "good"
        if share < 0.005:
            return ""
        return _percent(share), "warn" if share > row["own"] else "" if share >= 0.1 else "dim"

    return cell
