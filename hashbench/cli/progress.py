"""What commands draw themselves: a progress bar on stderr, entries below headings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from hashbench.cli.console import console

if TYPE_CHECKING:
    from rich.progress import TaskID


@contextlib.contextmanager
def picture_bar(*, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Yields a function of (done, total) that draws pictures read, with the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    stderr = console(stderr=True)
    columns = ("pictures", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    off = hidden or not stderr.is_terminal
    with Progress(*columns, console=stderr, disable=off, transient=True) as progress:
        bar = None

        def draw(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                bar = progress.add_task("pictures", total=total)
            progress.update(bar, completed=done)

        yield draw


@contextlib.contextmanager
def step_bar(*, hidden: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yields a function of (what, done, total) that draws a bar for each kind of work."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    stderr = console(stderr=True)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    off = hidden or not stderr.is_terminal
    with Progress(*columns, console=stderr, disable=off, transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def draw(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=None)
            progress.update(bars[what], completed=done, total=total or None)

        yield draw


def print_entry(heading: str, text: str, style: str = "") -> None:
    """Prints text beside a heading: wrapped in a terminal, a line a line for other programs."""
    from rich.text import Text

    out = console()
    width = max(20, out.width - len(heading))
    for number, line in enumerate(Text(text).wrap(out, width)):
        first = heading if number == 0 else " " * len(heading)
        out.print(Text.assemble((first, style), line))
