"""What commands draw themselves: a progress bar on stderr, entries below headings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from hashbench.cli.console import console

if TYPE_CHECKING:
    from rich.progress import TaskID


@contextlib.contextmanager
def progress_bar(
    *, hidden: bool, percent: bool = False
) -> Iterator[Callable[[str, int, int], None]]:
    """Yields a function of (what, done, total) that draws one bar after the other, with the time
    left; a total of 0 is not known. `percent`: a share is shown in place of done and total.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn
    from rich.progress import TextColumn as Text
    from rich.progress import TimeRemainingColumn as TimeLeft

    stderr = console(stderr=True)
    count = TaskProgressColumn() if percent else MofNCompleteColumn()
    columns = (Text("{task.description}"), BarColumn(), count, TimeLeft())
    off = hidden or not stderr.is_terminal
    with Progress(*columns, console=stderr, disable=off, transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def draw(what: str, done: int, total: int) -> None:
            if what not in bars:
                for bar in bars.values():
                    progress.update(bar, visible=False)
                bars[what] = progress.add_task(what, total=None)
            progress.update(bars[what], completed=done, total=total or None)

        yield draw


@contextlib.contextmanager
def single_bar(
    what: str, *, hidden: bool, percent: bool = False
) -> Iterator[Callable[[int, int], None]]:
    """Yields a function of (done, total) that draws how far something is, with the time left."""
    with progress_bar(hidden=hidden, percent=percent) as progress:
        yield lambda done, total: progress(what, done, total)


def print_entry(heading: str, text: str, style: str = "") -> None:
    """Prints text beside a heading: wrapped in a terminal, a line a line for other programs."""
    from rich.text import Text

    out = console()
    width = max(20, out.width - len(heading))
    for number, line in enumerate(Text(text).wrap(out, width)):
        first = heading if number == 0 else " " * len(heading)
        out.print(Text.assemble((first, style), line))
