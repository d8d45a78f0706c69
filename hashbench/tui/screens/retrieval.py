"""Queries of a finished run, and the database items that its codes retrieve for them."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import WorkerError

from hashbench.errors import HashbenchError
from hashbench.plan.directions import find_direction
from hashbench.report.text import plain
from hashbench.tui.own_query import CAPTION, PICTURE, OwnQuery, directions_for, hit_count
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error
from hashbench.tui.screens.retrieval_columns import QUERY_COLUMNS, RESULT_COLUMNS, Entry
from hashbench.tui.subprocesses import RetrievalClient
from hashbench.tui.widgets.code_bits import CodeBits
from hashbench.tui.widgets.picture import Picture, Pixels
from hashbench.tui.widgets.prompt_line import PromptLine
from hashbench.tui.widgets.row_table import RowTable
from hashbench.tui.widgets.sharp_picture import picture_widget

TOP = 200
MAX_QUERIES = 1000  # in the list; a search reaches the others
NO_COLOUR = "pictures need colour"

T = TypeVar("T")

KEYS: Keys = (
    ("esc", "back", "leave"),
    ("/", "find query", "find"),
    ("w", "write caption", "write"),
    ("p", "own picture", "own_picture"),
    ("o", "worst first", "order"),
    ("x", "bits that differ", "differing"),
    ("c", "classes", "classes"),
    ("d", "direction", "direction"),
    ("b", "length", "bits"),
    ("tab", "queries/results", "app.focus_next"),
)
ORDERS = ("dataset", "worst", "best")


class Retrieval(WorkScreen):
    """Queries on the left, what the one under the cursor retrieves on the right, both pictured."""

    heading = "retrieval"
    KEYS: ClassVar[Keys] = KEYS
    MORE_KEYS: ClassVar[Keys] = (
        ("w", "write a caption; the run's own encoder makes its code", ""),
        ("p", "a picture of yours, typed or chosen; encoded likewise", ""),
        ("o", "queries by average precision: worst first, best first, as in the dataset", ""),
        ("x", "the bits of the query beside those of the result under the cursor", ""),
        ("c", "which classes are found for the queries of which", ""),
        ("b", "the next code length", ""),
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
        self._own: OwnQuery | None = None  # takes the place of the query under the cursor
        self._order = ORDERS[0]
        self._scored = False
        self._code = ""  # of what was ranked for last
        self._matching = 0
        self._status = "loading codes and captions"
        self._client: RetrievalClient | None = None
        self._last_folder = Path()

    def compose(self) -> ComposeResult:
        """Two lists, two pictures, one line on the ranking."""
        top, keys = self.bars()
        yield top
        yield Static(id="summary", markup=False)
        with Horizontal(id="lists"):
            with Vertical(id="query-pane"):
                yield RowTable(QUERY_COLUMNS, key=lambda entry: entry["row"], id="queries")
                yield picture_widget(self.bench.pictures, "query")
            with Vertical(id="result-pane"):
                yield RowTable(RESULT_COLUMNS, key=lambda entry: entry["row"], id="results")
                yield picture_widget(self.bench.pictures, "result")
        yield CodeBits(id="bits")
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
        """The queries that match the filter, with their average precision.

        The first time they are shown without it, and a result, since scoring all takes a second or
        two where its kernels are compiled.
        """
        client = self._client
        if client is None or not self._library:
            return
        question: dict[str, Any] = {"find": self._filter, "offset": 0, "limit": MAX_QUERIES}
        scored = {"order": self._order, "bits": self._bits, "direction": self._direction}
        try:
            if not self._scored:
                self._show_queries(await client.ask(ask="items", **question))
                self._scored = True
                with contextlib.suppress(WorkerError):  # another search took its place
                    await self._search().wait()
            self._show_queries(await client.ask(ask="items", **question, **scored))
        except HashbenchError as error:
            notify_error(self.bench, error)

    def _show_queries(self, answer: dict[str, Any]) -> None:
        table: RowTable[Entry] = self.query_one("#queries", RowTable)
        self._matching = answer["found"]
        table.empty = f"no query matches {self._filter!r}: / changes the words"
        table.show(answer["items"])
        table.border_title = (
            "queries" if self._order == ORDERS[0] else f"queries, {self._order} first"
        )
        self._show_summary()

    @work(exclusive=True, group="search")
    async def _search(self) -> None:
        """Ranks the database for a query of one's own, or for the one under the cursor.

        What was ranked before goes at once: results must never stand under another query,
        direction or length than their own.
        """
        client, query = self._client, self.query_one("#queries", RowTable).cursor_row
        if client is None or not self._library:
            return
        question: dict[str, Any] = {"bits": self._bits, "direction": self._direction, "top": TOP}
        if self._own is not None:
            self._clear_results(f"encoding the {self._own.kind}")
            question |= self._own.question
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
        self._code = answer.get("code", "")
        self._results.show(answer["results"])
        self._results.action_edge(0)
        self._status = hit_count(answer, self._library["database"], self._own)
        self._show_summary()
        self._show_bits()
        self._show_pictures()

    @on(Picture.Resized)
    @work(exclusive=True, group="resized")
    async def _show_pictures(self) -> None:
        query = self.query_one("#queries", RowTable).cursor_row
        if self._code or self._results.cursor_row is not None:
            await self._show_picture("query", None if self._own else query)
            await self._show_picture("result", self._results.cursor_row)

    def _clear_results(self, status: str) -> None:
        """Removes the last results; a spinner takes their place while there is a `status`."""
        self._code = ""
        self._results.show([])
        self._results.empty = ""
        self._results.loading = bool(status)
        for picture in self.query(Picture):
            picture.show(None)
        self._show_bits()
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
        own = self._own if which == "query" else None
        if self._client is None or (entry is None and (own is None or own.kind == CAPTION)):
            picture.show(None, "a written caption" if own is not None else "")
            return
        if self._library["note"] and own is None:
            picture.show(None, plain(self._library["note"]))
            return
        if self.app.no_color:
            picture.show(None, NO_COLOUR)
            return
        width, height = picture.pixels_wanted
        if not width or not height:
            return  # no room for a picture
        question: dict[str, Any] = {"width": width, "height": height}
        if own is not None:
            question |= {"ask": "file picture", "file": own.text}
        elif entry is not None:
            side = "query" if which == "query" else "database"
            question |= {"ask": "picture", "side": side, "row": entry["row"]}
        try:
            answer = await self._client.ask(**question)
        except HashbenchError as error:
            picture.show(None, plain(error.problem))
            return
        data = base64.b64decode(answer["data"])
        picture.show(Pixels(answer["width"], answer["height"], data))

    def _show_bits(self) -> None:
        """The codes of the query and of the result under the cursor, where `x` shows them."""
        view, result = self.query_one(CodeBits), self._results.cursor_row
        if self._code and result is not None:
            view.show(self._code, result.get("code", self._code))
        else:
            view.show("", "", "no result to compare the query with")

    def _show_summary(self) -> None:
        """Direction, bits, how good the ranking is, the query, the run."""
        parts = [self._status] if self._status else []
        if self._library:
            direction = find_direction(self._direction)
            parts.insert(0, f"{direction.title}, {self._bits} bits")
        if self._filter:
            parts.append(f"{self._matching} queries match {self._filter!r}")
        query = self.query_one("#queries", RowTable).cursor_row
        if self._own is not None:
            parts.append(self._own.words)
        elif query is not None:
            parts.append(f"{query['id']}: {query['caption']}")
        summary = self.query_one("#summary", Static)
        summary.update(Content(plain(" | ".join([*parts, self._run]))))

    @on(RowTable.RowHighlighted, "#queries")
    def _query_highlighted(self) -> None:
        self._own = None
        self._search()

    @on(RowTable.RowHighlighted, "#results")
    @work(exclusive=True, group="picture")
    async def _result_highlighted(self, event: RowTable.RowHighlighted) -> None:
        self._show_bits()
        if (entry := event.table.cursor_row) is not None:
            await self._show_picture("result", entry)

    def action_find(self) -> None:
        """Prompts for words that a query must contain."""
        self.query_one(PromptLine).open("find", self._filter, "words of a caption, a label, an id")

    def action_write(self) -> None:
        """Prompts for a caption."""
        if self._encodes():
            placeholder = "a caption, such as: a dog on a beach"
            written = self._own.text if self._own is not None and self._own.kind == CAPTION else ""
            self.query_one(PromptLine).open("write", written, placeholder)

    def action_own_picture(self) -> None:
        """Asks for a picture of one's own."""
        if not self._encodes():
            return
        from hashbench.tui.screens.picture_choice import PictureChoice

        def answered(path: str | None) -> None:
            if path is not None:
                self._last_folder = Path(path).parent
                self._rank_own(OwnQuery(PICTURE, path))

        self.app.push_screen(PictureChoice(self._last_folder), answered)

    def _encodes(self) -> bool:
        """Whether the run can encode what is new; says so where it cannot."""
        if not self._library:
            self.notify("still loading", severity="warning")
        elif not self._library["typed"]:
            self.notify(
                "nothing new can be encoded: the codes are imported, or of the published protocol",
                severity="warning",
            )
        else:
            return True
        return False

    @on(PromptLine.Closed)
    def _prompt_submitted(self, event: PromptLine.Closed) -> None:
        self.query_one("#queries", RowTable).focus()
        if event.purpose == "find":
            self._filter = event.text
            self._list()
        elif event.text:
            self._rank_own(OwnQuery(CAPTION, event.text))

    def _rank_own(self, query: OwnQuery) -> None:
        self._own = query
        if self._direction not in self._directions:
            self._direction = self._directions[0]
        self._search()

    @property
    def _directions(self) -> list[str]:
        """The directions that the query allows."""
        return directions_for(self._own, self._library["directions"])

    def action_order(self) -> None:
        """Queries by average precision, or as in the dataset."""
        if self._library:
            self._order = _next(ORDERS, self._order)
            self._list_from_the_top()

    @work(exclusive=True, group="order")
    async def _list_from_the_top(self) -> None:
        with contextlib.suppress(WorkerError):
            await self._list().wait()
        self.query_one("#queries", RowTable).action_edge(0)

    def action_differing(self) -> None:
        """Shows or hides the bits of the query and the result."""
        self.toggle_class("-bits")
        self._show_bits()

    def action_classes(self) -> None:
        """Which classes are found for which."""
        if self._client is not None and self._library:
            from hashbench.tui.screens.confusion import Confusion

            screen = Confusion(self._client, self._library, self._bits, self._direction)
            self.app.push_screen(screen)

    def action_direction(self) -> None:
        """The next direction."""
        if self._library:
            self._direction = _next(self._directions, self._direction)
            self._search()
            self._list()

    def action_bits(self) -> None:
        """The next bit length."""
        if self._library:
            self._bits = _next(self._library["bits"], self._bits)
            self._search()
            self._list()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _next(values: Sequence[T], value: T) -> T:
    return values[(values.index(value) + 1) % len(values)]
