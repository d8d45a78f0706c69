"""Finished runs in tables: the tables of `hashbench compare`, with significance and export; across
protocols; and class by class.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from hashbench.errors import HashbenchError, InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.report import class_tables, comparison, export, gap_tables, significance
from hashbench.report.comparison import DEFAULT_METRIC, Row, Table
from hashbench.report.picture import svg
from hashbench.report.protocol_gap import protocol_gaps
from hashbench.report.published import with_published
from hashbench.report.rows import Collected, Variant, collect
from hashbench.report.tables import Grid, for_latex, for_markdown
from hashbench.report.text import plain, plural
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error
from hashbench.tui.screens.compare_columns import columns_of
from hashbench.tui.screens.dialogs import Confirm, Form
from hashbench.tui.screens.figure_export import export_figure
from hashbench.tui.screens.grid_parts import grid_parts
from hashbench.tui.settings import Settings
from hashbench.tui.subprocesses import ask_analysis
from hashbench.tui.widgets.row_table import RowTable

WRITERS = {
    ".md": export.markdown,
    ".csv": export.comma_separated,
    ".tex": export.latex,
    ".svg": svg,
}
"""Suffix of the file to export to -> what makes its text."""
GRID_WRITERS = {".md": for_markdown, ".tex": for_latex}
"""The same, of the tables across protocols and by class."""

RANKED, PROTOCOLS, CLASSES = "ranked", "across protocols", "by class"

KEYS: Keys = (
    ("esc", "back", "leave"),
    ("m", "metric", "metric"),
    ("b", "baseline", "baseline"),
    ("u", "published", "published"),
    ("a", "protocols", "protocols"),
    ("c", "classes", "classes"),
    ("x", "export", "export"),
    ("F", "figure", "figure"),
    ("tab", "next table", "app.focus_next"),
)


class Compare(WorkScreen):
    """One table for each condition, since only equal conditions are ranked."""

    heading = "compare"
    KEYS: ClassVar[Keys] = KEYS
    MORE_KEYS: ClassVar[Keys] = (
        ("b", "test all rows against the row under the cursor; again for none", ""),
        ("u", "published numbers as rows, where the variant matches, or not", ""),
        ("a", "strict and published protocol side by side, and what leaks; again: back", ""),
        ("c", "AP class by class, the hardest first; again: back", ""),
        ("F", "a figure of these runs as .pdf, .svg or .png", ""),
        ("x", "export as .md, .csv, .tex (LaTeX) or .svg (a picture of the tables)", ""),
        ("left right", "columns that find no room", ""),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        Binding("q", "leave", "Back", show=False),
    ]

    def __init__(self, ids: Sequence[str], settings: Settings) -> None:
        super().__init__()
        self._ids = list(ids)
        self._settings = settings
        self._collected = Collected()
        self._tables: list[Table] = []
        self._tested: dict[int, Table] = {}
        self._view = RANKED
        self._grids: list[Grid] = []
        self._by_run: dict[str, class_tables.Classes] = {}

    def compose(self) -> ComposeResult:
        """The tables come when they have been read."""
        top, keys = self.bars()
        yield top
        yield Static("reading", id="summary", markup=False)
        yield VerticalScroll(id="tables", can_focus=False)
        yield keys

    def on_mount(self) -> None:
        """Results are read on a thread."""
        self._read()

    @work(thread=True, exclusive=True, group="compare")
    def _read(self) -> None:
        collected = collect([self.folder(run) for run in self._ids])
        self.app.call_from_thread(self._read_done, collected)

    def _read_done(self, collected: Collected) -> None:
        self._collected = collected
        if self.is_mounted:
            self.call_later(self._show)

    @property
    def _metrics(self) -> list[str]:
        """The metrics that every result stores, so that none must be computed here."""
        stored = [
            set(metrics)
            for run in self._collected.finished
            for by_direction in run.result.scores.values()
            for metrics in by_direction.values()
        ]
        if not stored:
            return [DEFAULT_METRIC]
        first = next(iter(next(iter(self._collected.finished[0].result.scores.values())).values()))
        return [metric for metric in first if all(metric in metrics for metrics in stored)] or [
            DEFAULT_METRIC
        ]

    async def _show(self) -> None:
        """Makes all tables anew."""
        metrics = self._metrics
        metric = self._settings.metric if self._settings.metric in metrics else metrics[0]
        self._settings.metric = metric
        try:
            tables = comparison.compare(self._collected.finished, metric, read_codes=False)
        except HashbenchError as error:
            notify_error(self.bench, error)
            tables = []
        self._tables = with_published(tables) if self._settings.published else tables
        self._tested.clear()
        box = self.query_one("#tables", VerticalScroll)
        await box.remove_children()
        if self._view == RANKED:
            parts = self._table_parts()
        else:
            self._grids = self._grids_of(tables, metric)
            parts = grid_parts(self._grids)
        notes = [*comparison.separation_reasons(self._tables)] if self._view == RANKED else []
        parts.append(Static(Content("\n".join([*notes, *self._left_out()])), classes="notes"))
        await box.mount_all(parts)
        if self._view == RANKED:
            for number in range(len(self._tables)):
                self._fill(number)
        if grids := list(self.query(RowTable)):
            grids[0].focus()
        self._show_summary()

    def _table_parts(self) -> list[Widget]:
        parts: list[Widget] = []
        for number, table in enumerate(self._tables):
            parts.append(Static(Content(export.title(table, number + 1)), classes="part"))
            parts.append(RowTable((), key=_key, id=f"table-{number}", classes="box"))
            parts.append(Static(id=f"notes-{number}", classes="notes", markup=False))
        return parts

    def _grids_of(self, tables: list[Table], metric: str) -> list[Grid]:
        """The tables across protocols or by class; without any, what to do."""
        if self._view == CLASSES:
            return class_tables.grids(tables, self._by_run)
        try:
            gaps = protocol_gaps(self._collected.finished, metric, read_codes=False)
        except HashbenchError as error:
            notify_error(self.bench, error)
            return []
        return list(gap_tables.grids(gaps))

    def _left_out(self) -> list[str]:
        """Runs that are in no table, and why."""
        damaged = [f"left out: {plain(problem)}" for problem in self._collected.damaged]
        unfinished = export.unfinished_lines(self._collected.unfinished)
        return damaged + [f"not finished: {line}" for line in unfinished]

    def _show_summary(self) -> None:
        count = plural(len(self._collected.finished), "finished run")
        text = f"{count} in {plural(len(self._tables), 'table')}, {self._settings.metric}"
        if self._view != RANKED:
            metric = "AP" if self._view == CLASSES else self._settings.metric
            text = f"{count} {self._view}, {metric}; esc shows the tables"
        if not self._collected.finished:
            text = "no finished run among those that were marked or shown: esc, then n launches one"
        self.query_one("#summary", Static).update(Content(text))

    def _fill(self, number: int) -> None:
        """Columns, rows and footnotes of one table."""
        table = self._tested.get(number, self._tables[number])
        grid = self.query_one(f"#table-{number}", RowTable)
        grid.set_columns(columns_of(table))
        grid.styles.height = len(table.rows) + 3  # and the header, and the border
        grid.show(table.rows)
        notes = "\n".join(export.footnotes(table))
        self.query_one(f"#notes-{number}", Static).update(Content(notes))

    def _focused_table(self) -> int | None:
        """The number of the table that has the focus."""
        if self._view != RANKED:
            return None
        if isinstance(self.focused, RowTable) and self.focused.id:
            return int(self.focused.id.removeprefix("table-"))
        return 0 if self._tables else None

    async def action_metric(self) -> None:
        """The next metric that all results store."""
        metrics = self._metrics
        place = metrics.index(self._settings.metric)
        self._settings.metric = metrics[(place + 1) % len(metrics)]
        self.bench.save_settings()
        await self._show()

    async def action_published(self) -> None:
        """With published numbers, or without."""
        self._settings.published = not self._settings.published
        self.bench.save_settings()
        await self._show()
        matching = sum(len(row.runs) == 0 for table in self._tables for row in table.rows)
        text = f"{matching} published rows match" if self._settings.published else "left out"
        self.notify(f"published numbers: {text}")

    async def action_protocols(self) -> None:
        """Strict and published protocol side by side, or the tables again."""
        await self._look(PROTOCOLS)

    async def action_classes(self) -> None:
        """AP class by class, or the tables again."""
        needed = [run for run in class_tables.runs_of(self._tables) if run not in self._by_run]
        if self._view != CLASSES and needed:
            self._read_classes(needed)
        else:
            await self._look(CLASSES)

    async def _look(self, view: str) -> None:
        if not self._collected.finished:
            self.notify("there is no finished run to look at", severity="warning")
            return
        self._view = RANKED if self._view == view else view
        await self._show()

    @work(exclusive=True, group="analysis")
    async def _read_classes(self, runs: Sequence[str]) -> None:
        self.query_one("#summary", Static).update(Content("reading codes, class by class ..."))
        try:
            answer = await ask_analysis(class_tables.request(runs, self.folder))
        except HashbenchError as error:
            notify_error(self.bench, error)
            self._show_summary()
            return
        self._by_run |= dict(zip(runs, answer["classes"], strict=True))
        await self._look(CLASSES)

    def action_figure(self) -> None:
        """Writes a figure of the finished runs."""
        kind = "per-class" if self._view == CLASSES else "map-over-bits"
        runs = [run.run.id for run in self._collected.finished]
        export_figure(self, runs, kind, metric=self._settings.metric)

    def action_baseline(self) -> None:
        """Tests all rows of the table against the one under the cursor; again drops the test."""
        if self._view != RANKED:
            self.notify("esc shows the tables, in which rows are tested", severity="warning")
            return
        number = self._focused_table()
        if number is None:
            return
        row: Row | None = self.query_one(f"#table-{number}", RowTable).cursor_row
        if row is None or not row.runs:
            self.notify("a published number has no queries to be tested on", severity="warning")
            return
        if sum(bool(other.runs) for other in self._tables[number].rows) < 2:
            self.notify("there is no other row to test against it", severity="warning")
            return
        tested = self._tested.pop(number, None)
        if tested is not None and tested.baseline == row.variant:
            self._fill(number)
            return
        self._test(number, row)

    @work(exclusive=True, group="analysis")
    async def _test(self, number: int, baseline: Row) -> None:
        table = self._tables[number]
        question = significance.request(table, baseline, self.folder)
        notes = self.query_one(f"#notes-{number}", Static)
        notes.update(Content(f"testing against {export.row_name(baseline)} ..."))
        try:
            answer = await ask_analysis(question)
        except HashbenchError as error:
            notify_error(self.bench, error)
            self._fill(number)
            return
        self._tested[number] = significance.with_p_values(table, baseline, answer["p"])
        self._fill(number)

    def action_export(self) -> None:
        """Prompts for a file; its suffix chooses the format."""
        if not self._tables:
            self.notify("there is no table to export", severity="warning")
            return
        forms = WRITERS if self._view == RANKED else GRID_WRITERS
        help_text = f"a file; {', '.join(forms)} choose the format"
        self.app.push_screen(Form("export", [("file", "compare.md", help_text)]), self._export_to)

    def _export_to(self, values: dict[str, str] | None) -> None:
        if values is None:
            return
        path = Path(values["file"]).expanduser()
        forms = WRITERS if self._view == RANKED else GRID_WRITERS
        if path.suffix not in forms:
            problem = InputError(
                f"{path.suffix!r} is no format", where=path, remedy=", ".join(forms)
            )
            notify_error(self.bench, problem)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._write(path)

        if path.exists():
            self.app.push_screen(Confirm("Overwrite?", [str(path)], "Overwrite"), answered)
        else:
            answered(yes=True)

    def _write(self, path: Path) -> None:
        if self._view == RANKED:
            tables = [self._tested.get(n, table) for n, table in enumerate(self._tables)]
            text = WRITERS[path.suffix](tables)
        else:
            text = GRID_WRITERS[path.suffix](self._grids)
        try:
            write_bytes_atomically(path, text.encode())
        except OSError as error:
            notify_error(self.bench, InputError(f"cannot be written: {error.strerror}", where=path))
            return
        self.notify(str(path.resolve()), title="exported", timeout=10, markup=False)

    @on(RowTable.RowSelected)
    def _row_selected(self, event: RowTable.RowSelected) -> None:
        """Opens the latest run of a row."""
        row = event.table.cursor_row
        if isinstance(row, Row) and row.runs:
            from hashbench.tui.screens.detail import Detail

            self.app.push_screen(Detail(row.runs[-1]))

    async def action_leave(self) -> None:
        """Back to the tables, or to the screen before."""
        if self._view == RANKED:
            self.dismiss()
        else:
            await self._look(self._view)


def _key(row: Row) -> tuple[Variant, tuple[str, ...]]:
    return row.variant, row.marks
