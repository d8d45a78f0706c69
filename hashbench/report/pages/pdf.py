"""A report as PDF, set by typst; the same content as the page for browsers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hashbench.errors import InputError
from hashbench.report.figures.paper import written
from hashbench.report.pages.page import Page, Section
from hashbench.report.tables import Grid
from hashbench.report.text import plain

TEMPLATE = Path(__file__).with_name("report.typ")
WIDTH = 7.0  # inches of a figure
NUMBERS = 8  # columns of numbers that stand beside each other on A4


def pdf(page: Page) -> bytes:
    """The whole file, the same bytes for the same page. Raises InputError where typst is missing,
    or matplotlib where there are figures.
    """
    try:
        import typst
    except ModuleNotFoundError:
        raise InputError(
            "reports as PDF need typst, which is not installed",
            where="hashbench report",
            remedy="pip install 'hashbench[pdf]', or --output report.html, which prints well",
        ) from None
    # all text goes in as JSON, where nothing has a meaning for typst
    content = {
        "title": plain(page.title),
        "question": plain(page.question),
        "verdict": plain(page.verdict),
        "marks": [plain(mark) for mark in page.marks],
        "sections": [_section(section) for section in page.sections],
    }
    # names of files may be no UTF-8, which typst does not take
    text = json.dumps(content, ensure_ascii=False).encode(errors="replace").decode()
    out: bytes = typst.compile(TEMPLATE, sys_inputs={"page": text})
    return out


def _section(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "lines": [plain(line) for line in section.lines],
        "grids": [band for grid in section.grids for band in _bands(grid)],
        "figures": [
            {
                "title": plain(figure.title),
                "svg": written(figure, "svg", WIDTH).decode(),
                "notes": [plain(note) for note in figure.notes],
            }
            for figure in section.figures
        ],
        "commands": [plain(command) for command in section.commands],
    }


def _bands(grid: Grid) -> list[dict[str, Any]]:
    """The table in parts that fit a page's width, each with the names of the rows; the notes stand
    below the last.
    """
    names, numbers = range(grid.words), range(grid.words, len(grid.headers))
    starts = range(grid.words, len(grid.headers), NUMBERS) or [grid.words]
    parts = [[*names, *numbers[start - grid.words :][:NUMBERS]] for start in starts]
    return [
        {
            "title": plain(grid.title) if place == 0 else "",
            "words": grid.words,
            "headers": [plain(grid.headers[column]) for column in part],
            "rows": [
                [{"text": plain(row[column].text), "best": row[column].best} for column in part]
                for row in grid.rows
            ],
            "notes": [plain(note) for note in grid.notes] if place == len(parts) - 1 else [],
        }
        for place, part in enumerate(parts)
    ]
