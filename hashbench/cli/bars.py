"""A progress bar on stderr for work that commands do themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def picture_bar(*, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Yields a function of (done, total) that draws pictures read, with the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, markup=False)
    columns = ("pictures", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    off = hidden or not console.is_terminal
    with Progress(*columns, console=console, disable=off, transient=True) as progress:
        bar = None

        def draw(done: int, total: int) -> None:
            nonlocal bar
            if bar is None:
                bar = progress.add_task("pictures", total=total)
            progress.update(bar, completed=done)

        yield draw
