"""`hashbench guide`."""

from __future__ import annotations

from typing import Annotated

import typer


def guide_command(
    chapter: Annotated[
        str | None, typer.Argument(help="Chapter to read; without one they are listed.")
    ] = None,
) -> None:
    """Read the guide in the terminal, one chapter at a time.

    Without a chapter it lists them. On a terminal, long chapters open in the pager.
    """
    from hashbench.errors import UnknownNameError
    from hashbench.guide import chapters

    by_name = {one.name: one for one in chapters()}
    if chapter is None:
        width = max(len(name) for name in by_name)
        for one in by_name.values():
            typer.echo(f"{one.name:<{width}}  {one.title}")
        typer.echo("\nhashbench guide CHAPTER opens one.")
        return
    if chapter not in by_name:
        raise UnknownNameError("chapter", chapter, list(by_name), where="hashbench guide")
    _show(by_name[chapter].text)


def _show(text: str) -> None:
    """Rendered on a terminal, as written where the output goes to a file or a pipe."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    if not console.is_terminal:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    page = Markdown(text)
    lines = console.render_lines(page, pad=False)
    if len(lines) < console.height:
        console.print(page)
        return
    with console.pager(styles=True, links=False):
        console.print(page)
