"""What commands draw themselves: a progress bar on stderr, entries below headings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from hashbench.cli.console import console


@contextlib.contextmanager
def progress_bar(what: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Yields a function of (done, total) that draws how far something is, with the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    stderr = console(stderr=True)
    columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    off = hidden or not stderr.is_terminal
    with Progress(*columns, console=stderr, disable=off, transient=True) as progress:
        bar = None

        def draw(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                bar = progress.add_task(what, total=total)
            progress.update(bar, completed=done)

        yield draw


def print_entry(heading: str, text: str, style: str = "") -> None:
    """Prints text beside a heading: wrapped in a terminal, a line a line for other programs."""
    from rich.text import Text

    out = console()
    width = max(20, out.width - len(heading))
    for number, line in enumerate(Text(text).wrap(out, width)):
        first = heading if number == 0 else " " * len(heading)
        out.print(Text.assemble((first, style), line))
