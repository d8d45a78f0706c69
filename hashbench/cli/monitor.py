"""`hashbench monitor`."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, Json, RunsDir

if TYPE_CHECKING:
    from hashbench.report.monitor import Monitor

FIRST_SECONDS = 0.5  # a load is one between two readings


def monitor_command(
    every: Annotated[
        float, typer.Option("--every", min=0.2, max=3600, help="Seconds between two readings.")
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Print one reading and end, as without a terminal.")
    ] = False,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Watch this machine: processors, memory, disks, GPUs, and the runs that use them.

    q ends it. --json prints one reading for machines. What each run took is kept with it:
    `hashbench show RUN`, `hashbench plot machine RUN`.
    """
    from hashbench.report.monitor import Monitor

    monitor = Monitor(runs_dir, data_dir)
    if json_:
        import dataclasses
        import json

        time.sleep(FIRST_SECONDS)
        typer.echo(json.dumps(dataclasses.asdict(monitor.read()), indent=1))
        return
    from hashbench.cli.console import console
    from hashbench.report.monitor_page import History, page

    if once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        time.sleep(FIRST_SECONDS)
        out = console()
        out.print(page(monitor.read(), History(), min(out.width, 80)))
        return
    _watch(monitor, every)


def _watch(monitor: Monitor, every: float) -> None:
    """Draws readings until q is pressed, or ctrl+c."""
    from rich.live import Live

    from hashbench.cli.console import console
    from hashbench.report.monitor_page import History, page

    out, history, pause = console(), History(), FIRST_SECONDS
    with (
        contextlib.suppress(KeyboardInterrupt),
        _single_keys(),
        Live(console=out, screen=True, auto_refresh=False) as live,
    ):
        while not _pressed("q", pause):
            reading, pause = monitor.read(), every
            history.add(reading)
            live.update(page(reading, history, out.width), refresh=True)


@contextlib.contextmanager
def _single_keys() -> Iterator[None]:
    """Keys come one by one and are not shown."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(key: str, seconds: float) -> bool:
    """Whether a key is pressed within so many seconds."""
    import os
    import select

    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left)[0]:
            typed = os.read(sys.stdin.fileno(), 64)
            if not typed or key.encode() in typed:
                return True
    return False
