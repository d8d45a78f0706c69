"""Grids, the finished tables of `hashbench.report`, as parts of a screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from hashbench.report.tables import Grid
from hashbench.report.text import plain
from hashbench.tui.widgets.row_columns import Column
from hashbench.tui.widgets.row_table import RowTable

MOST_ROWS = 40  # a longer table scrolls
NARROWEST = 20  # of the first column, which is cut before no number finds room


def grid_parts(grids: Sequence[Grid]) -> list[Widget]:
    """Title, table and notes of each grid."""
    parts: list[Widget] = []
    for number, grid in enumerate(grids):
        if grid.title:
            parts.append(Static(Content(plain(grid.title)), classes="part"))
        table: RowTable[int] = RowTable(
            grid_columns(grid), key=lambda place: place, id=f"grid-{number}", classes="box"
        )
        table.styles.height = min(len(grid.rows), MOST_ROWS) + 3  # and the header, and the border
        table.show(range(len(grid.rows)))
        parts.append(table)
        parts.append(Static(Content("\n".join(map(plain, grid.notes))), classes="notes"))
    return parts


def grid_columns(grid: Grid) -> list[Column[int]]:
    """The columns of a grid, whose rows are asked for by their place; the best is starred."""

    def column(place: int) -> Column[int]:
        cells = [row[place] for row in grid.rows]
        starred = any(cell.best for cell in cells)
        texts = [cell.text + (("*" if cell.best else " ") if starred else "") for cell in cells]
        words = place < grid.words
        width = max([len(grid.headers[place]), *map(len, texts)])

        def text(row: int) -> tuple[str, str]:
            return texts[row], "good" if cells[row].best else "dim" if cells[row].dim else ""

        return Column(
            str(place),
            grid.headers[place],
            min(width, NARROWEST) if place == 0 else width,
            text,
            rank=0 if words else place,
            right=not words,
            grow=place == 0,
            most=width,
        )

    return [column(place) for place in range(len(grid.headers))]
