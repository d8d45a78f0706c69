"""Queries of a finished run, and the database items that its codes retrieve for them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from hashbench.errors import HashbenchError
from hashbench.plan.directions import TEXT, find_direction
from hashbench.report.text import plain
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error
from hashbench.tui.screens.retrieval_columns import QUERY_COLUMNS, RESULT_COLUMNS, Entry
from hashbench.tui.subprocesses import RetrievalClient
from hashbench.tui.widgets.picture import Picture, Pixels
from hashbench.tui.widgets.prompt_line import PromptLine
from hashbench.tui.widgets.row_table import RowTable

TOP = 200
MAX_QUERIES = 1000  # in the list; a search reaches the others
NO_COLOUR = "pictures need colour"

T = TypeVar("T")

KEYS: Keys = (
    ("esc", "back", "leave"),
    ("/", "find query", "find"),
    ("w", "write caption", "write"),
    ("d", "direction", "direction"),
    ("b", "bits", "bits"),
    ("tab", "queries/results", "app.focus_next"),
)


class Retrieval(WorkScreen):
    """Queries on the left, what the one under the cursor retrieves on the right, both pictured."""

    heading = "retrieval"
    KEYS: ClassVar[Keys] = KEYS
    MORE_KEYS: ClassVar[Keys] = (
        ("w", "write a caption; the run's own encoder makes its code", ""),
        ("d", "direction: the modality of the query, and of the ranked items", ""),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("q", "leave", "Back", show=False),
    ]

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run = run_id
        self._library: dict[str, Any] = {}  # what the server can be asked for
        self._bits = 0
        self._direction = ""
        self._filter = ""
        self._caption = ""  # a written query, which takes the place of the one under the cursor
        self._matching = 0
        self._status = "loading codes and captions"
        self._client: RetrievalClient | None = None

    def compose(self) -> ComposeResult:
        """Two lists, two pictures, one line on the ranking."""
        top, keys = self.bars()
        yield top
        yield Static(id="summary", markup=False)
        with Horizontal(id="lists"):
            with Vertical(id="query-pane"):
                yield RowTable(QUERY_COLUMNS, key=lambda entry: entry["row"], id="queries")
                yield Picture("query", id="query-picture")
            with Vertical(id="result-pane"):
                yield RowTable(RESULT_COLUMNS, key=lambda entry: entry["row"], id="results")
                yield Picture("result", id="result-picture")
        yield PromptLine()
        yield keys

    def on_mount(self) -> None:
        """The retrieval server is started."""
        self._client = RetrievalClient(self.folder(self._run).path, self.bench.data_dir)
        self._show_summary()
        self.query_one("#queries", RowTable).focus()
        self._open()

    async def on_unmount(self) -> None:
        """The server ends with the screen."""
        if self._client is not None:
            await self._client.close()

    @property
    def _results(self) -> RowTable[Entry]:
        return self.query_one("#results", RowTable)

    @work(group="open")
    async def _open(self) -> None:
        client = self._client
        if client is None:
            return
        try:
            self._library = await client.start()
        except HashbenchError as error:
            self._show_error(error)
            return
        self._bits, self._direction = self._library["bits"][-1], self._library["directions"][0]
        if self._library["note"]:
            note = plain(self._library["note"])
            self.notify(note, severity="warning", timeout=20, markup=False)
        self._list()

    @work(exclusive=True, group="list")
    async def _list(self) -> None:
        """The queries that match the filter."""
        if self._client is None or not self._library:
            return
        try:
            answer = await self._client.ask(
                ask="items", find=self._filter, offset=0, limit=MAX_QUERIES
            )
        except HashbenchError as error:
            notify_error(self.bench, error)
            return
        table: RowTable[Entry] = self.query_one("#queries", RowTable)
        self._matching = answer["found"]
        table.empty = f"no query matches {self._filter!r}"
        table.show(answer["items"])
        self._search()

    @work(exclusive=True, group="search")
    async def _search(self) -> None:
        """Ranks the database for the written caption, or for the query under the cursor.

        What was ranked before goes at once: results must never stand under another query,
        direction or length than their own.
        """
        client, query = self._client, self.query_one("#queries", RowTable).cursor_row
        if client is None or not self._library:
            return
        question: dict[str, Any] = {"bits": self._bits, "direction": self._direction, "top": TOP}
        if self._caption:
            self._clear_results("encoding the caption")
            question |= {"ask": "typed", "caption": self._caption}
        elif query is not None:
            self._clear_results("ranking the database")
            question |= {"ask": "rank", "row": query["row"]}
        else:
            self._clear_results("")
            return
        try:
            answer = await client.ask(**question)
        except HashbenchError as error:
            self._show_error(error)
            return
        self._results.loading = False
        self._results.show(answer["results"])
        self._results.action_edge(0)
        self._status = _hit_count(answer, self._library["database"])
        self._show_summary()
        await self._show_picture("query", None if self._caption else query)
        await self._show_picture("result", self._results.cursor_row)

    def _clear_results(self, status: str) -> None:
        """Removes the last results; a spinner takes their place while there is a `status`."""
        self._results.show([])
        self._results.empty = ""
        self._results.loading = bool(status)
        for picture in self.query(Picture):
            picture.show(None)
        self._status = status
        self._show_summary()

    def _show_error(self, error: HashbenchError) -> None:
        self._results.loading = False
        self._results.empty = self._status = plain(error.problem)
        self._results.refresh()
        self._show_summary()
        notify_error(self.bench, error)

    async def _show_picture(self, which: str, entry: Entry | None) -> None:
        picture = self.query_one(f"#{which}-picture", Picture)
        if entry is None or self._client is None:
            picture.show(None, "a written caption" if which == "query" else "")
            return
        if self._library["note"]:
            picture.show(None, plain(self._library["note"]))
            return
        if self.app.no_color:
            picture.show(None, NO_COLOUR)
            return
        side = "query" if which == "query" else "database"
        size = {"width": picture.content_size.width, "height": 2 * picture.content_size.height}
        if not all(size.values()):
            return  # no room for a picture
        try:
            answer = await self._client.ask(ask="picture", side=side, row=entry["row"], **size)
        except HashbenchError as error:
            picture.show(None, plain(error.problem))
            return
        data = base64.b64decode(answer["data"])
        picture.show(Pixels(answer["width"], answer["height"], data))

    def _show_summary(self) -> None:
        """Direction, bits, how good the ranking is, the query, the run."""
        parts = [self._status] if self._status else []
        if self._library:
            direction = find_direction(self._direction)
            parts.insert(0, f"{direction.title}, {self._bits} bits")
        if self._filter:
            parts.append(f"{self._matching} queries match {self._filter!r}")
        query = self.query_one("#queries", RowTable).cursor_row
        if self._caption:
            parts.append(f"written: {self._caption!r}")
        elif query is not None:
            parts.append(f"{query['id']}: {query['caption']}")
        summary = self.query_one("#summary", Static)
        summary.update(Content(plain(" | ".join([*parts, self._run]))))

    @on(RowTable.RowHighlighted, "#queries")
    def _query_highlighted(self) -> None:
        self._caption = ""
        self._search()

    @on(RowTable.RowHighlighted, "#results")
    @work(exclusive=True, group="picture")
    async def _result_highlighted(self, event: RowTable.RowHighlighted) -> None:
        if (entry := event.table.cursor_row) is not None:
            await self._show_picture("result", entry)

    def action_find(self) -> None:
        """Prompts for words that a query must contain."""
        self.query_one(PromptLine).open("find", self._filter, "words of a caption, a label, an id")

    def action_write(self) -> None:
        """Prompts for a caption."""
        if not self._library.get("typed", False):
            self.notify("fused codes are made of a picture and a text", severity="warning")
            return
        placeholder = "a caption, such as: a dog on a beach"
        self.query_one(PromptLine).open("write", self._caption, placeholder)

    @on(PromptLine.Closed)
    def _prompt_submitted(self, event: PromptLine.Closed) -> None:
        self.query_one("#queries", RowTable).focus()
        if event.purpose == "find":
            self._filter = event.text
            self._list()
        elif event.text:
            self._caption = event.text
            if self._direction not in self._directions:
                self._direction = self._directions[0]
            self._search()

    @property
    def _directions(self) -> list[str]:
        """The directions that the query allows: a written caption is a text."""
        names: list[str] = self._library["directions"]
        if not self._caption:
            return names
        return [name for name in names if find_direction(name).query == TEXT]

    def action_direction(self) -> None:
        """The next direction."""
        if self._library:
            self._direction = _next(self._directions, self._direction)
            self._search()

    def action_bits(self) -> None:
        """The next bit length."""
        if self._library:
            self._bits = _next(self._library["bits"], self._bits)
            self._search()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _next(values: Sequence[T], value: T) -> T:
    return values[(values.index(value) + 1) % len(values)]


def _hit_count(answer: dict[str, Any], database: int) -> str:
    if answer["relevant"] is None:
        return "a written caption has no labels, so nothing is a hit or a miss"
    hits = sum(entry["hit"] for entry in answer["results"])
    shown = len(answer["results"])
    return f"{hits} hits in the first {shown}; {answer['relevant']:,} of {database:,} are relevant"
