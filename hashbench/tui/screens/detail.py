"""One run: its settings, results, curves, classes, recovered labels, and log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.widgets import ContentSwitcher, Static

from hashbench.errors import HashbenchError
from hashbench.report import run_pages
from hashbench.report.details import details
from hashbench.report.recovery import recovery_page
from hashbench.report.run_series import Curve
from hashbench.report.text import plain
from hashbench.runs.state import Status
from hashbench.tui.reader import Update
from hashbench.tui.screens.base import Keys, bindings, page_bindings
from hashbench.tui.screens.panels import lines_of
from hashbench.tui.screens.run_actions import ACTION_HELP, ACTION_KEYS, RunActionsScreen
from hashbench.tui.subprocesses import ask_analysis
from hashbench.tui.widgets.bars import PageTabs
from hashbench.tui.widgets.chart import Chart
from hashbench.tui.widgets.log_view import LogView
from hashbench.tui.widgets.prompt_line import PromptLine
from hashbench.tui.widgets.row_columns import Column
from hashbench.tui.widgets.row_table import RowTable

PAGES = ("run", "results", "curve", "classes", "recovery", "log")

KEYS: Keys = (
    ("esc", "back", "leave"),
    ("e", "retrieve", "retrieve"),
    ("F", "figure", "figure"),
    *ACTION_KEYS,
)
FIGURES = {"curve": "precision-recall", "classes": "per-class", "recovery": "recovery"}
"""Page -> the kind of figure that shows the same; of others it is that of the losses."""


class Detail(RunActionsScreen):
    """The pages of one run; numbers choose a page."""

    heading = "run"
    KEYS: ClassVar[Keys] = KEYS
    MORE_KEYS: ClassVar[Keys] = (
        ("1-6", "page: run, results, curve, classes, recovery, log", ""),
        ("left right", "previous page, next page", ""),
        ("/ n N", "in the log: search, next match, previous match", ""),
        ("F", "a figure of the run as .pdf, .svg or .png", ""),
        *ACTION_HELP,
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        *page_bindings(PAGES),
        Binding("left", "turn(-1)", "Previous page", show=False),
        Binding("right", "turn(1)", "Next page", show=False),
        Binding("q", "leave", "Back", show=False),
    ]

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run = run_id
        self._page = "run"
        self._read_at: Status | None = None
        self._analysed = False

    def compose(self) -> ComposeResult:
        """One container a page."""
        top, keys = self.bars()
        yield top
        yield Static(plain(self._run), id="summary", markup=False)
        yield PageTabs(PAGES, self._page)
        with ContentSwitcher(initial="page-run", id="pages"):
            with VerticalScroll(id="page-run"):
                yield Static("reading", id="text-run")
            with VerticalScroll(id="page-results"):
                yield Static(id="text-results")
            with Container(id="page-curve"):
                yield Chart(
                    "precision over recall, within each Hamming radius",
                    empty="curves come with the codes of a finished run",
                    unit="",
                    id="curve",
                )
            with Container(id="page-classes"):
                yield RowTable((), key=lambda row: row["name"], id="classes",
                               empty="classes come with the codes of a finished run")  # fmt: skip
            with VerticalScroll(id="page-recovery"):
                yield Static(id="text-recovery")
            with Container(id="page-log"):
                yield LogView("log", id="log")
        yield PromptLine()
        yield keys

    def on_mount(self) -> None:
        """Everything is read on a thread, the codes only when a page needs them."""
        self.bench.reader.watch([self._run])
        self._read()
        self._show_watched()
        self.query_one("#page-run").focus()

    def runs_changed(self, update: Update) -> None:
        """Reads the run again when its status changes; leaves when its folder is gone."""
        super().runs_changed(update)
        if self._run in update.gone:
            self.notify(f"{self._run} is gone", severity="warning")
            self.dismiss()
            return
        view = self.bench.views.get(self._run)
        if view is not None and view.status != self._read_at:
            self._read_at = view.status
            self._read()
        if self._run in update.watched:
            self._show_watched()

    def targets(self) -> list[str]:
        """This run."""
        return [self._run]

    @work(thread=True, exclusive=True, group="detail")
    def _read(self) -> None:
        try:
            run_details = details(self.folder(self._run))
        except (HashbenchError, OSError) as error:
            self.app.call_from_thread(self._show_problem, str(error))
            return
        self.app.call_from_thread(self._show, run_details)

    def _show_problem(self, problem: str) -> None:
        if self.is_mounted:
            self.query_one("#text-run", Static).update(run_pages.lines(problem, "yellow"))
            self.query_one("#text-results", Static).update(run_pages.lines("no result can be read"))

    def _show(self, run_details: dict[str, Any]) -> None:
        if not self.is_mounted:
            return
        wide = self.size.width >= 120
        self.query_one("#text-run", Static).update(run_pages.run_page(run_details, wide=wide))
        self.query_one("#text-results", Static).update(run_pages.results_page(run_details))

    def _show_watched(self) -> None:
        watched = self.bench.watched.get(self._run)
        if watched is not None:
            self.query_one("#text-recovery", Static).update(recovery_page(watched.recovery))
            self.query_one(LogView).show(lines_of(watched))

    @work(exclusive=True, group="analysis")
    async def _analyse(self) -> None:
        chart, table = self.query_one("#curve", Chart), self.query_one("#classes", RowTable)
        if self._status(self._run) is not Status.FINISHED:
            return
        chart.loading = table.loading = True  # the codes are read, and the curves computed
        try:
            question = {"ask": "curves", "run": str(self.folder(self._run).path)}
            answer = await ask_analysis(question)
        except HashbenchError as error:
            chart.loading = table.loading = False
            chart.border_subtitle = table.border_subtitle = plain(error.problem)
            return
        chart.loading = table.loading = False
        curves = (
            Curve(f"{one['direction']} {one['bits']}", *_rising(one["recall"], one["precision"]))
            for one in answer["curves"]
        )
        chart.show(list(curves))
        names = list(dict.fromkeys(name for row in answer["classes"] for name in row["values"]))
        table.set_columns(_class_columns(names))
        table.show(answer["classes"])

    @on(PageTabs.PageSelected)
    def _page_selected(self, event: PageTabs.PageSelected) -> None:
        self.action_page(event.name)

    def action_page(self, name: str) -> None:
        """Shows another page."""
        self._page = name
        self.query_one(PageTabs).activate(name)
        self.query_one("#pages", ContentSwitcher).current = f"page-{name}"
        if name in ("curve", "classes") and not self._analysed:
            self._analysed = True
            self._analyse()
        focused = {"classes": "#classes", "log": "#log"}.get(name, f"#page-{name}")
        self.query_one(focused).focus()

    def action_turn(self, by: int) -> None:
        """The previous page, or the next one."""
        self.action_page(PAGES[(PAGES.index(self._page) + by) % len(PAGES)])

    @on(LogView.SearchRequested)
    def _search_requested(self) -> None:
        self.query_one(PromptLine).open("search", "", "what to look for in the log")

    @on(PromptLine.Closed)
    def _prompt_closed(self, event: PromptLine.Closed) -> None:
        log = self.query_one(LogView)
        log.search(event.text)
        log.focus()

    def action_retrieve(self) -> None:
        """Queries of this run and what they retrieve."""
        if self._status(self._run) is not Status.FINISHED:
            self.notify("only finished runs have codes to search", severity="warning")
            return
        from hashbench.tui.screens.retrieval import Retrieval

        self.app.push_screen(Retrieval(self._run))

    def action_figure(self) -> None:
        """Writes the figure of the page that is looked at."""
        from hashbench.tui.screens.figure_export import export_figure

        export_figure(self, [self._run], FIGURES.get(self._page, "losses"))

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _rising(
    xs: Sequence[float], ys: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The points whose x rises: radii that add nothing to the recall are left out."""
    kept = [i for i in range(len(xs)) if i == 0 or xs[i] > xs[i - 1]]
    return tuple(xs[i] for i in kept), tuple(ys[i] for i in kept)


def _class_columns(names: Sequence[str]) -> list[Column[dict[str, Any]]]:
    def score(name: str) -> Column[dict[str, Any]]:
        def text(row: dict[str, Any]) -> str:
            value = row["values"].get(name)
            return "" if value is None else f"{value:.4f}"

        return Column(name, name, max(7, len(name)), text, right=True, rank=1)

    return [
        Column("name", "class", 14, lambda row: plain(row["name"]), grow=True),
        Column("queries", "queries", 8, lambda row: f"{row['queries']:,}", right=True),
        *map(score, names),
    ]
