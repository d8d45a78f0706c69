"""Comparison tables as a picture: what a terminal that is wide enough would show, as SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, Group
from rich.segment import Segment
from rich.text import Text

from hashbench.report.comparison import Table
from hashbench.report.export import rich_tables

UNLIMITED = 10_000  # columns
LEAST = 100  # columns, so that titles and notes wrap into few lines


def svg(tables: Sequence[Table]) -> str:
    """All columns of all tables; titles and notes wrap to the width of the widest table."""
    console = Console(
        file=io.StringIO(), record=True, color_system="truecolor", width=UNLIMITED, no_color=False
    )
    content = rich_tables(tables)
    parts = content.renderables if isinstance(content, Group) else [content]
    lines = [
        line
        for part in parts
        if not isinstance(part, Text)
        for line in console.render_lines(part, pad=False)
    ]
    console.width = max([LEAST, *map(Segment.get_line_length, lines)])
    console.print(content)
    return console.export_svg(title="hashbench compare", unique_id="compare")
