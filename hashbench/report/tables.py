"""One table, rendered for a terminal, Markdown, LaTeX, HTML, CSV or JSON.

A `Grid` holds finished text; what the text means is decided where the grid is made. CSV and JSON
are made from records instead, since a machine wants every number in full.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from hashbench.report.text import plain

NARROWEST = 12  # of the first column, before the numbers beside it are spread over several bands
PADDING = 2


@dataclass(frozen=True)
class Cell:
    """Text of one cell; `best` is starred and bold, `dim` recedes where there is colour."""

    text: str
    best: bool = False
    dim: bool = False


@dataclass(frozen=True)
class Grid:
    """A table of text: the first `words` columns name the row, the others are numbers.

    A line is drawn below each row whose number is in `lines_below`.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int
    title: str = ""
    notes: tuple[str, ...] = ()
    lines_below: frozenset[int] = field(default=frozenset())

    @classmethod
    def of(
        cls,
        headers: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        words: int,
        title: str = "",
        notes: Sequence[str] = (),
    ) -> Grid:
        """A grid of plain text."""
        cells = tuple(tuple(Cell(text) for text in row) for row in rows)
        return cls(tuple(headers), cells, words, title, tuple(notes))


def for_terminal(grids: Sequence[Grid], closing: Sequence[str] = ()) -> RenderableType:
    """All grids with titles and notes, and the lines that close them. Needs no colour."""
    parts: list[RenderableType] = []
    for grid in grids:
        parts += [Text(plain(grid.title), style="bold")] if grid.title else []
        parts += [TerminalGrid(grid), *(Text(plain(note), style="dim") for note in grid.notes)]
        parts.append(Text())
    return Group(*parts, *(Text(plain(line), style="yellow") for line in closing))


class TerminalGrid:
    """A grid that fits the width it is given.

    Where the numbers do not fit beside each other, they continue in further bands below, each with
    the names of the rows. What follows the number in a cell, as its deviation, goes into a second
    line where that takes fewer lines in all.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The bands, one below the other."""
        bands, stacked = self._layout(options.max_width)
        for band in bands:
            yield self._band(band, stacked=stacked, several=len(bands) > 1)

    def _layout(self, width: int) -> tuple[list[list[int]], bool]:
        """The columns of each band, and whether cells are stacked: whichever takes fewer lines."""
        choices = []
        for stacked in (False, True):
            bands = self._bands(width, stacked=stacked)
            lines = len(bands) * (len(self.grid.rows) * (1 + stacked) + 3)
            choices.append((lines, stacked, bands))
        _, stacked, bands = min(choices, key=lambda choice: choice[:2])
        return bands, stacked

    def _bands(self, width: int, *, stacked: bool) -> list[list[int]]:
        grid = self.grid
        numbers = range(grid.words, len(grid.headers))
        widths = {column: self._width(column, stacked=stacked) for column in numbers}
        names = [self._width(column, stacked=False) for column in range(grid.words)]
        names[:1] = [min(width, NARROWEST) for width in names[:1]]
        room = width - sum(name + PADDING for name in names)
        bands: list[list[int]] = [[]]
        left = room
        for column in numbers:
            if bands[-1] and widths[column] + PADDING > left:
                bands.append([])
                left = room
            bands[-1].append(column)
            left -= widths[column] + PADDING
        # as many bands of about equal size, where these fit, so that the last is not a stump
        size = -(-len(widths) // len(bands))
        even = [list(numbers[start : start + size]) for start in range(0, len(widths), size)]
        fits = all(sum(widths[column] + PADDING for column in band) <= room for band in even)
        return even if fits else bands

    def _width(self, column: int, *, stacked: bool) -> int:
        texts = [self.grid.headers[column], *(_text(row[column]) for row in self.grid.rows)]
        if stacked:
            texts = [part for text in texts for part in text.split(" ")]
        return max(map(len, texts))

    def _band(self, columns: Sequence[int], *, stacked: bool, several: bool) -> RichTable:
        grid = self.grid
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        shown = [*range(grid.words), *columns]
        for column in shown:
            words = column < grid.words
            table.add_column(
                Text(plain(grid.headers[column])),
                justify="left" if words else "right",
                overflow="fold",
                no_wrap=not words and not stacked,
            )
        for number, row in enumerate(grid.rows):
            if several and all(row[column].text == NONE for column in columns):
                continue  # a row without a number in this band
            table.add_row(
                *(
                    self._cell(row[column], stacked=stacked and column in columns)
                    for column in shown
                ),
                end_section=number in grid.lines_below,
            )
        return table

    def _cell(self, cell: Cell, *, stacked: bool) -> Text:
        text = _text(cell).replace(" ", "\n") if stacked else _text(cell)
        return Text(text, style="bold green" if cell.best else "dim" if cell.dim else "")


NONE = "-"
"""The text of a cell without a value."""


def _text(cell: Cell) -> str:
    """What a terminal shows: the star of the best stands behind the number."""
    text = plain(cell.text)
    if not cell.best:
        return text
    number, space, rest = text.partition(" ")
    return f"{number}*{space}{rest}"


def for_markdown(grids: Sequence[Grid], closing: Sequence[str] = ()) -> str:
    """Markdown tables, the best in bold."""
    lines: list[str] = []
    for grid in grids:
        lines += [f"**{plain(grid.title)}**", ""] if grid.title else []
        lines += [_markdown_grid(grid), "", *_bullets(grid.notes), ""]
    return "\n".join([*lines, *_bullets(closing)]).rstrip("\n")


def _bullets(notes: Iterable[str]) -> list[str]:
    """A list, since lines of Markdown that follow each other are one paragraph."""
    return [f"- {plain(note)}" for note in notes]


def _markdown_grid(grid: Grid) -> str:
    from tabulate import tabulate

    def text(cell: Cell) -> str:
        escaped = plain(cell.text).replace("|", "\\|")
        return f"**{escaped}**" if cell.best else escaped

    headers = [plain(header).replace("|", "\\|") for header in grid.headers]
    rows = [[text(cell) for cell in row] for row in grid.rows]
    return str(
        tabulate(rows, headers, tablefmt="pipe", colalign=_alignment(grid), disable_numparse=True)
    )


def _alignment(grid: Grid) -> list[str]:
    numbers = len(grid.headers) - grid.words
    return ["left"] * grid.words + ["right"] * numbers


BOLD, BOLD_END = "\ue000", "\ue001"
"""Private characters that stand for bold while text is escaped."""

_LATEX = {
    BOLD: r"\textbf{", BOLD_END: "}",
    "±": r"$\pm$", "†": r"$^{\dagger}$", "‡": r"$^{\ddagger}$",
}  # fmt: skip
_LATEX_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": "$<$", ">": "$>$",
}  # fmt: skip


def for_latex(grids: Sequence[Grid], closing: Sequence[str] = ()) -> str:
    """LaTeX tables for booktabs, the best in bold, what qualifies a number in the caption."""
    parts = []
    for grid in grids:
        body = _body(grid, "latex_booktabs")
        escaped = ". ".join(_escaped(text) for text in (grid.title, *grid.notes) if text)
        caption = f"\\caption{{{escaped}.}}"
        whole = "\n".join(["\\begin{table}", "\\centering", body, caption, "\\end{table}"])
        parts.append("".join(_LATEX.get(letter, letter) for letter in whole))
    return "\n\n".join([*parts, *(f"% {plain(line)}" for line in closing)]) + "\n"


def _body(grid: Grid, form: str) -> str:
    """A grid in a form of tabulate, which escapes what has a meaning in it; the best between
    BOLD and BOLD_END.
    """
    from tabulate import tabulate

    rows = [
        [f"{BOLD}{plain(c.text)}{BOLD_END}" if c.best else plain(c.text) for c in row]
        for row in grid.rows
    ]
    return str(
        tabulate(
            rows,
            [plain(header) for header in grid.headers],
            tablefmt=form,
            colalign=_alignment(grid),
            disable_numparse=True,
        )
    )


def _escaped(text: str) -> str:
    return "".join(_LATEX_ESCAPES.get(letter, letter) for letter in plain(text))


_HTML = {BOLD: "<b>", BOLD_END: "</b>"}


def for_html(grids: Sequence[Grid], closing: Sequence[str] = ()) -> str:
    """HTML tables with titles and notes, the best in bold; for notebooks."""
    from html import escape

    parts = []
    for grid in grids:
        body = _body(grid, "html")
        table = "".join(_HTML.get(letter, letter) for letter in body)
        title = f"<p><b>{escape(plain(grid.title))}</b></p>" if grid.title else ""
        parts.append("\n".join(filter(None, (title, table, _html_list(grid.notes)))))
    return "\n".join(filter(None, (*parts, _html_list(closing))))


def _html_list(notes: Iterable[str]) -> str:
    from html import escape

    lines = "".join(f"<li>{escape(plain(note))}</li>" for note in notes)
    return f"<ul>{lines}</ul>" if lines else ""


def for_csv(records: Sequence[Mapping[str, Any]], header: Sequence[str]) -> str:
    """One line for each record; floats in full, None as nothing."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(header), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def for_json(content: object) -> str:
    """JSON for machines."""
    return json.dumps(content, indent=1)
