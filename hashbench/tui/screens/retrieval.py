"""Queries of a finished run and the database items that its codes find for them."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from hashbench.errors import HashbenchError
from hashbench.report.text import plain
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, tell
from hashbench.tui.subprocesses import QueryProcess
from hashbench.tui.widgets.picture import Picture, Pixels
from hashbench.tui.widgets.prompt_line import AskLine
from hashbench.tui.widgets.row_table import Column, RowTable, Shown

TOP = 200
SHOWN = 1000  # queries in the list; more are found by words
NO_COLOUR = "pictures need colour"

Entry = dict[str, Any]

KEYS: Keys = (
    ("/", "find query", "find"),
    ("w", "write caption", "write"),
    ("d", "direction", "direction"),
    ("b", "bits", "bits"),
    ("tab", "queries/results", "app.focus_next"),
)


class Retrieval(WorkScreen):
    """Queries at the left, what the one under the cursor finds at the right, pictures of both."""

    heading = "retrieval"
    KEYS: ClassVar[Keys] = (*KEYS, ("esc", "back", ""))
    MORE_KEYS: ClassVar[Keys] = (
        ("w", "write a caption; the run's own encoder makes its code", ""),
        ("d", "direction: what asks, and what is ranked", ""),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("escape,q", "leave", "Back", show=False),
    ]

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run = run_id
        self._about: dict[str, Any] = {}
        self._bits = 0
        self._direction = ""
        self._find = ""
        self._written = ""
        self._found = 0
        self._told = "loading codes and captions"
        self._answers: QueryProcess | None = None

    def compose(self) -> ComposeResult:
        """Two lists, two pictures, one line on what is seen."""
        top, keys = self.bars()
        yield top
        yield Static(id="about", markup=False)
        with Horizontal(id="lists"):
            with Vertical(id="asking"):
                yield RowTable(_QUERY_COLUMNS, key=lambda entry: entry["row"], id="queries")
                yield Picture("query", id="query-picture")
            with Vertical(id="found"):
                yield RowTable(_RESULT_COLUMNS, key=lambda entry: entry["row"], id="results")
                yield Picture("result", id="result-picture")
        yield AskLine()
        yield keys

    def on_mount(self) -> None:
        """The process that answers is started."""
        self._answers = QueryProcess(self.folder(self._run).path, self.bench.data_dir)
        self._tell()
        self.query_one("#queries", RowTable).focus()
        self._open()

    async def on_unmount(self) -> None:
        """The process ends with the screen."""
        if self._answers is not None:
            await self._answers.close()

    @work(group="open")
    async def _open(self) -> None:
        answers = self._answers
        if answers is None:
            return
        try:
            self._about = await answers.start()
        except HashbenchError as error:
            self._told = plain(error.problem)
            self._tell()
            tell(self.bench, error)
            return
        self._bits, self._direction = self._about["bits"][-1], self._about["directions"][0]
        if self._about["note"]:
            self.notify(plain(self._about["note"]), severity="warning", timeout=10, markup=False)
        self._list()

    @work(exclusive=True, group="list")
    async def _list(self) -> None:
        """The queries that hold what is looked for."""
        if self._answers is None or not self._about:
            return
        try:
            found = await self._answers.ask(ask="items", find=self._find, offset=0, limit=SHOWN)
        except HashbenchError as error:
            tell(self.bench, error)
            return
        table: RowTable[Entry] = self.query_one("#queries", RowTable)
        self._found = found["found"]
        table.empty = f"no query holds {self._find!r}"
        table.show(found["items"])
        self._search()

    @work(exclusive=True, group="search")
    async def _search(self) -> None:
        """Ranks the database for the written caption, or for the query under the cursor."""
        answers, query = self._answers, self.query_one("#queries", RowTable).cursor_row
        if answers is None or not self._about:
            return
        asked: dict[str, Any] = {"bits": self._bits, "direction": self._direction, "top": TOP}
        if self._written:
            self._told = "encoding the caption"
            self._tell()
            asked |= {"ask": "typed", "caption": self._written}
        elif query is not None:
            asked |= {"ask": "rank", "row": query["row"]}
        else:
            self.query_one("#results", RowTable).show([])
            return
        try:
            found = await answers.ask(**asked)
        except HashbenchError as error:
            self._written = ""
            tell(self.bench, error)
            self._told = plain(error.problem)
            self._tell()
            return
        results: RowTable[Entry] = self.query_one("#results", RowTable)
        results.show(found["results"])
        results.action_edge(0)
        self._told = _hits(found, self._about["database"])
        self._tell()
        await self._picture("query", None if self._written else query)
        await self._picture("result", results.cursor_row)

    async def _picture(self, which: str, entry: Entry | None) -> None:
        picture = self.query_one(f"#{which}-picture", Picture)
        if entry is None or self._answers is None:
            picture.show(None, "a written caption" if which == "query" else "")
            return
        if self.app.no_color:
            picture.show(None, NO_COLOUR)
            return
        side = "query" if which == "query" else "database"
        size = {"width": picture.content_size.width, "height": 2 * picture.content_size.height}
        if not all(size.values()):
            return  # there is no room for a picture
        try:
            found = await self._answers.ask(ask="picture", side=side, row=entry["row"], **size)
        except HashbenchError as error:
            picture.show(None, plain(error.problem))
            return
        data = base64.b64decode(found["data"])
        picture.show(Pixels(found["width"], found["height"], data))

    def _tell(self) -> None:
        """Run, direction, bits, query, and how good the ranking is."""
        parts = [self._told]
        if self._about:
            parts.insert(0, f"{_WORDS.get(self._direction, self._direction)}, {self._bits} bits")
        if self._find:
            parts.append(f"{self._found} queries hold {self._find!r}")
        query = self.query_one("#queries", RowTable).cursor_row
        if self._written:
            parts.append(f"written: {self._written!r}")
        elif query is not None:
            parts.append(f"{query['id']}: {query['caption']}")
        self.query_one("#about", Static).update(Content(plain(" | ".join([*parts, self._run]))))

    @on(RowTable.Moved, "#queries")
    def _query_moved(self) -> None:
        self._written = ""
        self._search()

    @on(RowTable.Moved, "#results")
    @work(exclusive=True, group="picture")
    async def _result_moved(self, event: RowTable.Moved) -> None:
        await self._picture("result", event.table.cursor_row)

    def action_find(self) -> None:
        """Asks for words that a query must hold."""
        self.query_one(AskLine).ask("find", self._find, "words of a caption, a label, an id")

    def action_write(self) -> None:
        """Asks for a caption."""
        if not self._about.get("typed", False):
            self.notify("fused codes are made of a picture and a text", severity="warning")
            return
        self.query_one(AskLine).ask("write", self._written, "a caption, such as: a dog on a beach")

    @on(AskLine.Answered)
    def _answered(self, event: AskLine.Answered) -> None:
        self.query_one("#queries", RowTable).focus()
        if event.what == "find":
            self._find = event.words
            self._list()
        elif event.words:
            self._written = event.words
            if not self._direction.startswith("t"):
                self._direction = "t2i"
            self._search()

    def action_direction(self) -> None:
        """The next direction."""
        if self._about:
            names = self._about["directions"]
            self._direction = names[(names.index(self._direction) + 1) % len(names)]
            self._search()

    def action_bits(self) -> None:
        """The next bit length."""
        if self._about:
            lengths = self._about["bits"]
            self._bits = lengths[(lengths.index(self._bits) + 1) % len(lengths)]
            self._search()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


_WORDS = {
    "i2t": "picture to text", "t2i": "text to picture", "i2i": "picture to picture",
    "t2t": "text to text", "mm": "fused",
}  # fmt: skip


def _hits(found: dict[str, Any], database: int) -> str:
    if found["relevant"] is None:
        return "a written caption has no labels, so nothing is a hit or a miss"
    hits = sum(entry["hit"] for entry in found["results"])
    shown = len(found["results"])
    return f"{hits} hits in the first {shown}; {found['relevant']:,} of {database:,} are relevant"


def _hit(entry: Entry) -> Shown:
    if entry["hit"] is None:
        return ""
    return ("hit", "good") if entry["hit"] else ("miss", "bad")


def _caption(entry: Entry) -> Shown:
    return plain(entry["caption"] or entry["id"])


def _labels(entry: Entry) -> Shown:
    return plain(", ".join(entry["labels"])), "dim"


_QUERY_COLUMNS: tuple[Column[Entry], ...] = (
    Column("caption", "query", 20, _caption, grow=True),
    Column("labels", "labels", 18, _labels, rank=1),
)
_RESULT_COLUMNS: tuple[Column[Entry], ...] = (
    Column("rank", "#", 4, lambda entry: str(entry["rank"]), right=True),
    Column("distance", "dist", 4, lambda entry: str(entry["distance"]), right=True),
    Column("hit", "", 4, _hit),
    Column("caption", "caption", 16, _caption, grow=True),
    Column("labels", "labels", 24, _labels, rank=1),
)
