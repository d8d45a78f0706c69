"""The dashboard: all runs, and what the chosen and the pinned ones are doing."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from hashbench.report.run_series import MACHINE_PANELS, RECOVERY, SCORES
from hashbench.report.text import WARNED, plural
from hashbench.runs.state import Status
from hashbench.tui.format import badge
from hashbench.tui.reader import Update
from hashbench.tui.run_row import RunView, legend_names
from hashbench.tui.screens.base import Keys, bindings
from hashbench.tui.screens.chart_panels import PANEL_KEYS, ChartPanelsScreen
from hashbench.tui.screens.columns import (
    ACTIVE,
    FALLING,
    ORDERS,
    chosen_columns,
    run_columns,
    sorted_views,
)
from hashbench.tui.screens.run_actions import ACTION_HELP
from hashbench.tui.settings import Settings
from hashbench.tui.widgets.bars import PageTabs
from hashbench.tui.widgets.panelset import PANELS, PanelSet
from hashbench.tui.widgets.prompt_line import PromptLine
from hashbench.tui.widgets.row_columns import Column
from hashbench.tui.widgets.row_table import RowTable

KEYS: Keys = (
    ("n", "new", "launch"),
    ("enter", "details", "open_run"),
    ("c", "compare", "compare"),
    ("/", "filter", "filter"),
    ("space", "mark", "mark"),
    ("p", "pause", "pause"),
    ("s", "stop", "stop"),
    ("e", "retrieve", "retrieve"),
    ("S", "studies", "studies"),
    ("w", "alerts", "alerts"),
    ("d", "differences", "differences"),
    ("o", "sort", "sort"),
    ("h", "machine", "machine"),
    ("v", "columns", "choose_columns"),
    ("i", "pin", "pin"),
    ("r", "resume", "resume"),
    ("F", "figure", "figure"),
    ("D", "delete", "delete"),
    ("q", "quit", "app.quit"),
)
MORE_KEYS: Keys = (
    ("a", "mark all that are shown, or none", "mark_all"),
    ("o", "order: running first, or the next column; a click on a title as well", ""),
    ("O", "turn the order around", "turn"),
    ("v", "choose the columns of the table", ""),
    ("1-5", "panel: losses, mAP, recovery, monitors, log", ""),
    ("6-9", "history of the machine: cpu, memory, GPU load, GPU temperature and power", ""),
    ("F", "a figure of the marked runs, or of those drawn, as .pdf, .svg or .png", ""),
    ("S", "studies: questions, the runs that answer them, and the answers", ""),
    ("i", "pin: lay the run over whatever is chosen, or no longer", ""),
    *PANEL_KEYS[1:],
    ("/ n N", "in the log panel: search, next hit, hit before", ""),
)


FIGURES = {SCORES: "map-over-epochs", RECOVERY: "recovery"} | dict.fromkeys(
    MACHINE_PANELS, "machine"
)
"""Panel -> the kind of figure that shows the same; of others it is that of the losses."""

HINTS = {
    Status.LOST: "r resumes",
    Status.STOPPED: "r resumes",
    Status.FAILED: "R retries",
    Status.PAUSED: "p continues",
}
"""What to press where a run does not go on."""


class Dashboard(ChartPanelsScreen):
    """Table of runs above; panels of the run under the cursor, laid over the pinned ones, below."""

    heading = "runs"
    KEYS: ClassVar[Keys] = KEYS
    MORE_KEYS: ClassVar[Keys] = (*ACTION_HELP, *MORE_KEYS)
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        *bindings(MORE_KEYS, show=False),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._marked: dict[str, str] = {}  # and what tells each from the others
        self._filter = settings.filter
        self._launched = ""
        self._top_key: Hashable | None = None  # where the cursor begins
        self._reading = True
        if settings.sort not in ORDERS:
            settings.sort = ACTIVE

    def compose(self) -> ComposeResult:
        """Top bar, table, a line on the chosen run, panels, keys."""
        top, keys = self.bars()
        yield top
        yield RowTable(self._columns(), key=lambda view: view.id, id="runs")
        yield Static(id="about", markup=False)
        yield PageTabs(PANELS, self._settings.panel)
        yield PanelSet(self._settings.panel)
        yield PromptLine()
        yield keys

    def _columns(self) -> tuple[Column[RunView], ...]:
        every = run_columns(self._marked, self._settings.pinned)
        return chosen_columns(every, self._settings.hidden_columns)

    @property
    def table(self) -> RowTable[RunView]:
        """The table of runs."""
        return self.query_one("#runs", RowTable)

    def on_mount(self) -> None:
        """The table has the keys; the panel that was looked at last is shown again."""
        self.table.focus()
        self._show_runs()

    def on_screen_resume(self) -> None:
        """Back from another screen: what is watched there is watched here no more."""
        self._watch()

    def runs_changed(self, update: Update) -> None:
        """Rows, counts, and panels of what is shown."""
        super().runs_changed(update)
        for gone in update.gone:
            self._marked.pop(gone, None)
        self._show_runs()
        if update.gone or any(view.id in update.watched for view in self._chosen()):
            self._show_panels()

    def _show_runs(self) -> None:
        settings, views = self._settings, self.bench.views
        rows = sorted_views(
            views.values(), self._filter, settings.sort, descending=settings.descending
        )
        table = self.table
        if self.bench.loading[1] == 0:
            table.empty = f"no runs yet, n launches one: {self.bench.runs_dir}"
        else:
            table.empty = f"no run matches {self._filter!r}: / changes the filter" if views else ""
        table.show(rows, settings.sort, descending=settings.descending)
        if self._reading and table.cursor_key == self._top_key:  # nobody has moved it
            table.action_edge(0)
            self._top_key = table.cursor_key
        self._reading = self._reading and not 0 <= self.bench.loading[1] <= len(views)
        if self._launched in views:
            table.move_to(self._launched)
            self._launched = ""
        shown = plural(len(views), "run")
        if self._filter:
            shown = f"{len(rows):,} of {shown} match {self._filter!r}"
        if self._marked:
            shown += f", {len(self._marked)} marked"
        if settings.sort == ACTIVE and views:
            shown += f", {ACTIVE if settings.descending else 'running last'}"
        table.border_title = shown
        self._about()

    def launched(self, run_id: str) -> None:
        """A run that was launched from here: the cursor goes to it as soon as it is there, and no
        filter hides it.
        """
        self._launched = run_id
        self._filter = ""
        self._save_settings()

    def _about(self) -> None:
        """One line on the chosen run: what a table has no room for."""
        view = self.table.cursor_row
        text = Content("")
        if view is not None:
            parts = [view.id, badge(view.status)[0], view.doing, view.mark, view.problem]
            parts += [f"{WARNED} {name}" for name in view.warnings]
            parts += [view.reason, HINTS.get(view.status, ""), view.changes]
            text = Content("  ".join(part for part in parts if part))
        about = self.query_one("#about", Static)
        if about.content != text:
            about.update(text, layout=False)  # its height is fixed; a layout costs most of a frame

    @on(RowTable.RowHighlighted, "#runs")
    def _moved(self) -> None:
        self._about()
        self._watch()

    @on(RowTable.HeaderSelected, "#runs")
    def _header(self, event: RowTable.HeaderSelected) -> None:
        if event.column == self._settings.sort:
            self.action_turn()
        elif event.column in ORDERS:
            self._order(event.column)

    def _order(self, column: str) -> None:
        self._settings.sort = column
        self._settings.descending = column in FALLING
        self._save_settings()
        self._show_runs()

    def _save_settings(self) -> None:
        self._settings.filter = self._filter
        self.bench.save_settings()

    def targets(self) -> list[str]:
        """The marked runs, or the one under the cursor."""
        if self._marked:
            return sorted(self._marked)
        cursor = self.table.cursor_row
        return [cursor.id] if cursor else []

    def action_sort(self) -> None:
        """Sorts by the next column."""
        orders = list(ORDERS)
        self._order(orders[(orders.index(self._settings.sort) + 1) % len(orders)])

    def action_turn(self) -> None:
        """The other way around."""
        self._settings.descending = not self._settings.descending
        self._save_settings()
        self._show_runs()

    def action_choose_columns(self) -> None:
        """Asks which columns the table has."""
        from hashbench.tui.screens.column_choice import ColumnChoice

        def answered(hidden: list[str] | None) -> None:
            if hidden is not None:
                self._settings.hidden_columns = hidden
                self._save_settings()
                self.table.set_columns(self._columns())

        every = run_columns(self._marked, self._settings.pinned)
        self.app.push_screen(ColumnChoice(every, self._settings.hidden_columns), answered)

    def action_mark(self) -> None:
        """Marks or unmarks the run, and goes on to the next."""
        cursor = self.table.cursor_row
        if cursor is not None:
            if cursor.id in self._marked:
                del self._marked[cursor.id]
            else:
                self._marked[cursor.id] = ""
            self.table.action_move(1)
            self._marks_changed()

    def action_mark_all(self) -> None:
        """All runs that the filter lets through, or none."""
        shown = {
            view.id
            for view in self.bench.views.values()
            if all(word in view.haystack for word in self._filter.lower().split())
        }
        marked = shown if self._marked.keys() != shown else set()
        self._marked.clear()
        self._marked.update(dict.fromkeys(marked, ""))
        self._marks_changed()

    def _marks_changed(self) -> None:
        """Marked runs are named by what differs between them."""
        marked = [self.bench.views[run] for run in sorted(self._marked) if run in self.bench.views]
        names = legend_names(marked) if len(marked) > 1 else [""] * len(marked)
        self._marked.update(zip((view.id for view in marked), names, strict=True))
        self.table.refresh()  # marks are no part of the rows
        self._show_runs()

    def action_filter(self) -> None:
        """Prompts for words to look for."""
        hint = "words to look for: state, method, dataset, 32b, tag ..."
        self.query_one(PromptLine).open("filter", self._filter, hint)

    @on(PromptLine.TextChanged)
    def _typed(self, event: PromptLine.TextChanged) -> None:
        if event.purpose == "filter":
            self._filter = event.text
            self._show_runs()

    @on(PromptLine.Closed)
    def _answered(self, event: PromptLine.Closed) -> None:
        if event.purpose == "search":
            log = self.query_one(PanelSet).log_view
            log.search(event.text)
            log.focus()
        else:
            self._typed(event)
            self.table.focus()
            self._save_settings()

    def action_leave(self) -> None:
        """Closes what is open: the zoom, the search, the cursor, the marks, the filter."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not self.table:
            self.query_one(PanelSet).log_view.search("")
            self.table.focus()
        elif self.leave_view():
            return
        elif self._marked:
            self._marked.clear()
            self._marks_changed()
        elif self._filter:
            self._filter = ""
            self._save_settings()
            self._show_runs()

    def action_launch(self) -> None:
        """The form of a new run."""
        from hashbench.tui.screens.launch import Launch

        self.app.push_screen(Launch(self._settings))

    @on(RowTable.RowSelected, "#runs")
    def action_open_run(self) -> None:
        """Everything that is known of one run."""
        cursor = self.table.cursor_row
        if cursor is not None:
            from hashbench.tui.screens.detail import Detail

            self.app.push_screen(Detail(cursor.id))

    def action_compare(self) -> None:
        """The marked runs, or all that are shown, in tables."""
        from hashbench.tui.screens.compare import Compare

        shown = sorted_views(self.bench.views.values(), self._filter, "run", descending=False)
        ids = sorted(self._marked) if self._marked else [view.id for view in shown]
        self.app.push_screen(Compare(ids, self._settings))

    def action_differences(self) -> None:
        """What differs between the marked runs, or between those that are drawn together."""
        ids = sorted(self._marked) or [view.id for view in self._chosen()]
        if len(ids) < 2:
            self.notify("mark two runs with space, or pin one with i", severity="warning")
            return
        from hashbench.tui.screens.differences import DifferencesScreen

        self.app.push_screen(DifferencesScreen(ids))

    def action_alerts(self) -> None:
        """What happened to all runs lately."""
        from hashbench.tui.screens.alerts import Alerts

        self.app.push_screen(Alerts())

    def action_studies(self) -> None:
        """Questions, the runs that answer them, and the answers."""
        from hashbench.tui.screens.studies import Studies

        self.app.push_screen(Studies(self._settings))

    def action_figure(self) -> None:
        """Writes the figure of the panel that is looked at."""
        from hashbench.tui.screens.figure_export import export_figure

        runs = sorted(self._marked) or [view.id for view in self._chosen()]
        export_figure(self, runs, FIGURES.get(self._settings.panel, "losses"))

    def action_retrieve(self) -> None:
        """Queries of a finished run and what they find."""
        cursor = self.table.cursor_row
        if cursor is None:
            return
        if cursor.status != "finished":
            self.notify("only finished runs have codes to search", severity="warning")
            return
        from hashbench.tui.screens.retrieval import Retrieval

        self.app.push_screen(Retrieval(cursor.id))
