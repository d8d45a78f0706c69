"""The columns of a table of finished runs: names, labels, seeds, and a cell for each score."""

from __future__ import annotations

from hashbench.report import comparison, export
from hashbench.report.comparison import Row, Table
from hashbench.tui.widgets.row_columns import CellText, Column

BASELINE = " = baseline"
LEAST_WIDTHS = (20, 12)
"""Of names and labels: a longer one is cut before no score finds room."""


def columns_of(table: Table) -> list[Column[Row]]:
    """Names, labels and seeds, which stay in sight, then the cells."""
    titles = export.titles(table)
    words = len(titles) - len(table.columns)

    def lead(place: int) -> Column[Row]:
        width = max(len(titles[place]), *(len(export.lead(table, r)[place]) for r in table.rows))
        if place == 0 and table.baseline:
            width += len(BASELINE)
        return Column(
            titles[place],
            titles[place],
            min(width, LEAST_WIDTHS[place]) if place < words - 1 else width,
            lambda row: _name(table, row) if place == 0 else export.lead(table, row)[place],
            right=place == words - 1,
            grow=True,
            most=width,
        )

    def cell(place: int) -> Column[Row]:
        column, title = table.columns[place], titles[words + place]
        texts = [_cell(row, column)[0] for row in table.rows]
        return Column(
            title,
            title,
            max(len(title), *map(len, texts)),
            lambda row: _cell(row, column),
            rank=1 + place,
            right=True,
        )

    cells = [cell(place) for place in range(len(table.columns))]
    return [*(lead(place) for place in range(words)), *cells]


def _name(table: Table, row: Row) -> CellText:
    if table.baseline == row.variant:
        return f"{export.row_name(row)}{BASELINE}", "strong"
    return export.row_name(row), "dim" if not row.runs else "warn" if row.marks else ""


def _cell(row: Row, column: comparison.Task) -> tuple[str, str]:
    best = export.is_best(row, column)
    text = export.cell_text(row.cells.get(column)) + ("*" if best else " ")
    return text, "good" if best else "dim" if not row.runs else ""
