"""Finished runs in tables: the tables of `hashbench compare`, with significance and export."""

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
from hashbench.report import comparison, export, significance
from hashbench.report.comparison import DEFAULT_METRIC, Row, Table
from hashbench.report.picture import svg
from hashbench.report.published import with_published
from hashbench.report.rows import Collected, Variant, collect
from hashbench.report.text import plain, plural
from hashbench.tui.screens.base import Keys, WorkScreen, bindings, notify_error
from hashbench.tui.screens.compare_columns import columns_of
from hashbench.tui.screens.dialogs import Confirm, Form
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

KEYS: Keys = (
    ("esc", "back", "leave"),
    ("m", "metric", "metric"),
    ("b", "baseline", "baseline"),
    ("u", "published", "published"),
    ("x", "export", "export"),
    ("tab", "next table", "app.focus_next"),
)


class Compare(WorkScreen):
    """One table for each condition, since only equal conditions are ranked."""

    heading = "compare"
    KEYS: ClassVar[Keys] = KEYS
    MORE_KEYS: ClassVar[Keys] = (
        ("b", "test all rows against the row under the cursor; again for none", ""),
        ("u", "published numbers as rows, where the variant matches, or not", ""),
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
        parts: list[Widget] = []
        for number, table in enumerate(self._tables):
            parts.append(Static(Content(export.title(table, number + 1)), classes="part"))
            parts.append(RowTable((), key=_key, id=f"table-{number}", classes="box"))
            parts.append(Static(id=f"notes-{number}", classes="notes", markup=False))
        notes = [*comparison.separation_reasons(self._tables), *self._left_out()]
        parts.append(Static(Content("\n".join(notes)), classes="notes"))
        await box.mount_all(parts)
        for number in range(len(self._tables)):
            self._fill(number)
        if self._tables:
            self.query_one("#table-0").focus()
        self._show_summary()

    def _left_out(self) -> list[str]:
        """Runs that are in no table, and why."""
        damaged = [f"left out: {plain(problem)}" for problem in self._collected.damaged]
        unfinished = export.unfinished_lines(self._collected.unfinished)
        return damaged + [f"not finished: {line}" for line in unfinished]

    def _show_summary(self) -> None:
        count = plural(len(self._collected.finished), "finished run")
        text = f"{count} in {plural(len(self._tables), 'table')}, {self._settings.metric}"
        if not self._collected.finished:
            text = "no finished run among those that were marked or shown"
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

    def action_baseline(self) -> None:
        """Tests all rows of the table against the one under the cursor; again drops the test."""
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
        help_text = f"a file; {', '.join(WRITERS)} choose the format"
        self.app.push_screen(Form("export", [("file", "compare.md", help_text)]), self._export_to)

    def _export_to(self, values: dict[str, str] | None) -> None:
        if values is None:
            return
        path = Path(values["file"]).expanduser()
        if path.suffix not in WRITERS:
            problem = InputError(
                f"{path.suffix!r} is no format", where=path, remedy=", ".join(WRITERS)
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
        tables = [self._tested.get(n, table) for n, table in enumerate(self._tables)]
        try:
            write_bytes_atomically(path, WRITERS[path.suffix](tables).encode())
        except OSError as error:
            notify_error(self.bench, InputError(f"cannot be written: {error.strerror}", where=path))
            return
        self.notify(str(path.resolve()), title="exported", timeout=10, markup=False)

    @on(RowTable.RowSelected)
    def _row_selected(self, event: RowTable.RowSelected) -> None:
        """Opens the latest run of a row."""
        row = event.table.cursor_row
        if row is not None and row.runs:
            from hashbench.tui.screens.detail import Detail

            self.app.push_screen(Detail(row.runs[-1]))

    def action_leave(self) -> None:
        """Back."""
        self.dismiss()


def _key(row: Row) -> tuple[Variant, tuple[str, ...]]:
    return row.variant, row.marks
