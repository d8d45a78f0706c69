"""What rich draws on a terminal, as text and as HTML for notebooks."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

WIDTH = 110
_PRE = '<pre style="line-height:1.25">{code}</pre>'


def rich_text(page: RenderableType) -> str:
    """The page without colour."""
    return _drawn(page).export_text(clear=False).rstrip("\n")


def rich_html(page: RenderableType) -> str:
    """The page with its colours, in one element; text of others is escaped."""
    return _drawn(page).export_html(inline_styles=True, code_format=_PRE)


def _drawn(page: RenderableType) -> Console:
    console = Console(record=True, file=io.StringIO(), width=WIDTH, force_jupyter=False)
    console.print(page)
    return console
