"""Comparison tables as text: for terminals, Markdown, LaTeX, CSV and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from rich.console import RenderableType

from hashbench.report import probe_verdicts, tables
from hashbench.report.comparison import Cell, Row, Table, Task, separation_reasons, system_name
from hashbench.report.comparison_records import CSV_HEADER, cell_records, plain_table
from hashbench.report.floors import Floor
from hashbench.report.protocol_gap import gap_sentences
from hashbench.report.rows import Unfinished
from hashbench.report.tables import NONE, Grid
from hashbench.report.text import plain

FORMATS = ("table", "md", "latex", "csv", "json")

SIGNIFICANCE = ((0.01, "‡"), (0.05, "†"))
"""(p-value below which, mark), the surest first."""


def title(table: Table, number: int) -> str:
    """What all rows of a table share, in one line."""
    condition = table.condition
    parts = [
        f"{number}. {condition.dataset}",
        f"split {condition.split}",
        condition.backbone,
        f"{condition.protocol} protocol",
        f"epoch chosen by {condition.select}",
        table.metric,
    ]
    return plain(", ".join(parts))


def footnotes(table: Table) -> list[str]:
    """Sizes, random floor and what else a reader of the numbers must know."""
    sizes = table.sizes
    counts = (
        f"{sizes['query']:,} queries, {sizes['database']:,} database items, "
        f"{sizes['fit']:,} fitted, {sizes['validation']:,} validation queries"
    )
    counts += f" in one of {table.folds} folds" if table.folds else ""
    notes = [counts, *floor_notes(table.floor, table.metric), *ceiling_notes(table)]
    if table.without_relevant:
        count = "count as 0" if "empty=zero" in table.metric else "are left out"
        notes.append(f"{table.without_relevant} queries without a relevant item {count}")
    if any(len(cell.values) > 1 for row in table.rows for cell in row.cells.values()):
        over = "folds, each the mean over its seeds" if table.folds else "seeds"
        notes.append(f"mean ± sample standard deviation over {over}")
    if any(row.repeats for row in table.rows):
        notes.append("+1 repeated: a seed that was run twice counts once, with its latest run")
    contests = [row.contest for row in table.rows if row.runs]
    if len(set(contests)) > 1 and _any_best(table):
        notes.append("the best is marked among rows whose training knew the same share of labels")
    if table.baseline is not None:
        notes.append(
            f"† p < 0.05, ‡ p < 0.01 against {system_name(table.baseline)}: paired randomisation "
            "test over queries, two-sided, corrected for all comparisons (Holm)"
        )
    names = {row.variant: system_name(row.variant) for row in table.rows}
    notes += [*towers_notes(table), *probe_verdicts.sentences(table.verdicts, names)]
    by_marks: dict[tuple[str, ...], list[str]] = {}
    for row in table.rows:
        if row.marks:
            by_marks.setdefault(row.marks, []).append(row_name(row))
    notes += [f"! {', '.join(names)}: {'; '.join(marks)}" for marks, names in by_marks.items()]
    return [plain(note) for note in notes]


def floor_notes(floor: Floor, metric: str) -> list[str]:
    """What random codes score, and by which definition; nothing where it is not known."""
    if not floor.by_bits:
        return []
    values = [f"{value:.4f}" for value in floor.by_bits.values()]
    shown = (
        values[0]
        if len(set(values)) == 1
        else ", ".join(f"{bits} bits {floor.by_bits[bits]:.4f}" for bits in sorted(floor.by_bits))
    )
    if floor.expected:
        return [f"random floor {shown}: expected {metric} of random codes on the same queries"]
    note = (
        f"share of relevant pairs {shown}, stored by an earlier version instead of the random "
        f"floor of {metric}"
    )
    return [note]


def ceiling_notes(table: Table) -> list[str]:
    """What codes of the true labels scored, where they were run."""
    if not table.ceiling:
        return []
    shown = ", ".join(f"{bits} {way} {value:.4f}" for (bits, way), value in table.ceiling.items())
    return [f"upper end {shown}: {table.metric} of codes of the true labels (oracle)"]


def towers_notes(table: Table) -> list[str]:
    """Which rows trained heads on a frozen backbone, and which tuned it."""
    by_towers: dict[str, list[str]] = {}
    for row in table.rows:
        if row.towers:
            by_towers.setdefault(row.towers, []).append(system_name(row.variant))
    return [f"{towers}: {', '.join(dict.fromkeys(names))}" for towers, names in by_towers.items()]


def _any_best(table: Table) -> bool:
    return any(cell.best for row in table.rows for cell in row.cells.values())


def row_name(row: Row) -> str:
    """A row's name, with `!` where footnotes tell what is special about its numbers."""
    return system_name(row.variant) + (" !" if row.marks else "")


def cell_text(cell: Cell | None) -> str:
    """`0.8123 ±0.0021 †`: mean, deviation over seeds, how sure it differs from the baseline."""
    if cell is None:
        return NONE
    text = f"{cell.mean:.4f}"
    if cell.deviation is not None:
        text += f" ±{cell.deviation:.4f}"
    marks = [] if cell.p is None else [mark for bound, mark in SIGNIFICANCE if cell.p < bound]
    return f"{text} {marks[0]}" if marks else text


def titles(table: Table) -> list[str]:
    """Titles of the columns."""
    labels = ["labels"] if any(row.variant.labels for row in table.rows) else []
    runs = "folds" if table.folds else "seeds"
    return ["method", *labels, runs, *(f"{bits} {name}" for bits, name in table.columns)]


def lead(table: Table, row: Row) -> list[str]:
    """What stands left of a row's numbers."""
    labelled = any(other.variant.labels for other in table.rows)
    labels = [row.variant.labels or "all known"] if labelled else []
    runs = str(row.seeds or NONE)
    if table.folds:
        folds = max((len(cell.folds) for cell in row.cells.values()), default=0)
        runs = f"{folds} folds" + (f" × {runs} seeds" if row.seeds > 1 else "")
    repeats = f" (+{row.repeats} repeated)" if row.repeats else ""
    return [row_name(row), *labels, runs + repeats]


def is_best(row: Row, column: Task) -> bool:
    """Whether a row has the best mean of a column."""
    cell = row.cells.get(column)
    return cell is not None and cell.best


def unfinished_lines(runs: Sequence[Unfinished]) -> list[str]:
    """One line for each run that has no result, with its state."""
    return [
        plain(f"{run.run.id}: {run.status}" + (f" ({run.reason})" if run.reason else ""))
        for run in runs
    ]


def grid(table: Table, number: int) -> Grid:
    """The text of a table; a line stands between contests."""
    headers = titles(table)
    rows = [
        (
            *(tables.Cell(text, dim=not row.runs) for text in lead(table, row)),
            *(
                tables.Cell(
                    cell_text(row.cells.get(column)), best=is_best(row, column), dim=not row.runs
                )
                for column in table.columns
            ),
        )
        for row in table.rows
    ]
    contests = [row.contest for row in table.rows]
    lines = {place for place, (one, next_one) in enumerate(pairwise(contests)) if one != next_one}
    return Grid(
        headers=tuple(headers),
        rows=tuple(rows),
        words=len(headers) - len(table.columns),
        title=title(table, number),
        notes=tuple(footnotes(table)),
        lines_below=frozenset(lines),
    )


def _grids(every: Sequence[Table]) -> list[Grid]:
    return [grid(table, number) for number, table in enumerate(every, 1)]


def closing(every: Sequence[Table]) -> list[str]:
    """What is said below all tables: why they are not one, and what the published protocol adds."""
    return [*separation_reasons(every), *gap_sentences(every)]


def rich_tables(every: Sequence[Table]) -> RenderableType:
    """For a terminal; the best of a column is bold and starred, so that colour is not needed."""
    return tables.for_terminal(_grids(every), closing(every))


def markdown(every: Sequence[Table]) -> str:
    """Markdown tables, the best in bold."""
    return tables.for_markdown(_grids(every), closing(every))


def latex(every: Sequence[Table]) -> str:
    """LaTeX tables for booktabs, the best in bold, what qualifies a number in the caption."""
    numbered = _grids(every)
    # LaTeX numbers tables itself
    unnumbered = [replace(one, title=one.title.partition(". ")[2]) for one in numbered]
    return tables.for_latex(unnumbered, closing(every))


def html(every: Sequence[Table]) -> str:
    """HTML tables, the best in bold, for notebooks."""
    return tables.for_html(_grids(every), closing(every))


def comma_separated(every: Sequence[Table]) -> str:
    """One line for each cell, with all that its number depends on."""
    return tables.for_csv(cell_records(every), CSV_HEADER)


def as_json(every: Sequence[Table], unfinished: Sequence[Unfinished]) -> str:
    """Everything, for machines."""
    return tables.for_json(
        {
            "tables": [plain_table(table) for table in every],
            "apart": separation_reasons(every),
            "unfinished": [
                {"run": one.run.id, "status": one.status, "reason": one.reason}
                for one in unfinished
            ],
        }
    )
