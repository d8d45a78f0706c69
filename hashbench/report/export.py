"""Comparison tables as text for terminals, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from hashbench.report.comparison import Cell, Row, Table, apart
from hashbench.report.rows import Unfinished
from hashbench.report.text import plain

FORMATS = ("table", "md", "csv", "json")

CSV_HEADER = [
    "table",
    "dataset",
    "split",
    "backbone",
    "protocol",
    "select",
    "method",
    "changes",
    "labels",
    "bits",
    "direction",
    "metric",
    "mean",
    "deviation",
    "seeds",
    "floor",
    "marks",
]


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
    """Sizes, floor and what else a reader of the numbers must know."""
    sizes = table.sizes
    counts = (
        f"{sizes['query']:,} queries, {sizes['database']:,} database items, "
        f"{sizes['fit']:,} fitted, {sizes['validation']:,} validation queries"
    )
    notes = [counts, f"random floor {table.floor:.4f}: the share of relevant pairs"]
    if table.without_relevant:
        notes.append(f"{table.without_relevant} queries without a relevant item are left out")
    if any(len(cell.values) > 1 for row in table.rows for cell in row.cells.values()):
        notes.append("mean ± sample standard deviation over seeds")
    notes += [f"! {_name(row)}: {'; '.join(row.marks)}" for row in table.rows if row.marks]
    return [plain(note) for note in notes]


def _name(row: Row) -> str:
    mark = " !" if row.marks else ""
    return (
        plain(" ".join(part for part in (row.setting.method, row.setting.changes) if part)) + mark
    )


def _text(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    if cell.deviation is None:
        return f"{cell.mean:.4f}"
    return f"{cell.mean:.4f} ±{cell.deviation:.4f}"


def _headers(table: Table) -> list[str]:
    labels = ["labels"] if any(row.setting.labels for row in table.rows) else []
    return ["method", *labels, "seeds", *(f"{bits} {name}" for bits, name in table.columns)]


def _lead(table: Table, row: Row) -> list[str]:
    labelled = any(other.setting.labels for other in table.rows)
    labels = [row.setting.labels or "all known"] if labelled else []
    return [_name(row), *labels, str(row.seeds)]


def unfinished_lines(runs: Sequence[Unfinished]) -> list[str]:
    """One line for each run that has no result, with its state."""
    return [
        plain(f"{run.run.id}: {run.status}" + (f" ({run.reason})" if run.reason else ""))
        for run in runs
    ]


def rich_tables(tables: Sequence[Table]) -> RenderableType:
    """For a terminal; the best of a column is bold and starred, so that colour is not needed."""
    parts: list[RenderableType] = []
    for number, table in enumerate(tables, 1):
        grid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for position, header in enumerate(_headers(table)):
            lead = len(_headers(table)) - len(table.columns)
            grid.add_column(header, justify="left" if position < lead - 1 else "right")
        for row in table.rows:
            cells = [
                Text(
                    _text(row.cells.get(column)) + ("*" if _is_best(row, column) else ""),
                    style="bold green" if _is_best(row, column) else "",
                )
                for column in table.columns
            ]
            grid.add_row(*_lead(table, row), *cells)
        parts += [
            Text(title(table, number), style="bold"),
            grid,
            *(Text(note, style="dim") for note in footnotes(table)),
            Text(),
        ]
    parts += [Text(line, style="yellow") for line in apart(tables)]
    return Group(*parts)


def _is_best(row: Row, column: tuple[int, str]) -> bool:
    cell = row.cells.get(column)
    return cell is not None and cell.best


def markdown(tables: Sequence[Table]) -> str:
    """Markdown tables, the best in bold."""
    lines: list[str] = []
    for number, table in enumerate(tables, 1):
        headers = _headers(table)
        lines += [f"**{title(table, number)}**", "", f"| {' | '.join(headers)} |"]
        lines.append(f"|{'---|' * len(headers)}")
        for row in table.rows:
            cells = []
            for column in table.columns:
                text = _text(row.cells.get(column))
                cells.append(f"**{text}**" if _is_best(row, column) else text)
            escaped = [part.replace("|", "\\|") for part in [*_lead(table, row), *cells]]
            lines.append(f"| {' | '.join(escaped)} |")
        lines += ["", *footnotes(table), ""]
    return "\n".join([*lines, *apart(tables)])


def comma_separated(tables: Sequence[Table]) -> str:
    """One line for each cell, with all that its number depends on."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for number, table in enumerate(tables, 1):
        condition = table.condition
        shared = (
            number,
            condition.dataset,
            condition.split,
            condition.backbone,
            condition.protocol,
            condition.select,
        )
        for row in table.rows:
            setting = (row.setting.method, row.setting.changes, row.setting.labels)
            for column, cell in sorted(row.cells.items()):
                deviation = "" if cell.deviation is None else repr(cell.deviation)
                numbers = (table.metric, repr(cell.mean), deviation, len(cell.values))
                last = (repr(table.floor), "; ".join(row.marks))
                writer.writerow([*shared, *setting, *column, *numbers, *last])
    return out.getvalue()


def as_json(tables: Sequence[Table], unfinished: Sequence[Unfinished]) -> str:
    """Everything, for machines."""
    plain_tables = [
        {
            "condition": vars(table.condition),
            "metric": table.metric,
            "floor": table.floor,
            "sizes": table.sizes,
            "without_relevant": table.without_relevant,
            "rows": [
                {
                    **vars(row.setting),
                    "marks": row.marks,
                    "runs": row.runs,
                    "scores": [
                        {
                            "bits": bits,
                            "direction": direction,
                            "values": cell.values,
                            "mean": cell.mean,
                            "deviation": cell.deviation,
                            "best": cell.best,
                        }
                        for (bits, direction), cell in sorted(row.cells.items())
                    ],
                }
                for row in table.rows
            ],
        }
        for table in tables
    ]
    others = [{"run": r.run.id, "status": r.status, "reason": r.reason} for r in unfinished]
    return json.dumps(
        {"tables": plain_tables, "apart": apart(tables), "unfinished": others}, indent=1
    )
