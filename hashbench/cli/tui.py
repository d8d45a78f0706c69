"""`hashbench tui`: the workbench."""

from __future__ import annotations

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, RunsDir


def tui_command(data_dir: DataDir = DATA_DIR, runs_dir: RunsDir = RUNS_DIR) -> None:
    """Open the workbench: launch runs, watch them live, act on them, compare, look at retrieval.

    Closing it leaves workers running; opening it again shows them as they are.
    """
    import sys

    from hashbench.errors import InputError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "the workbench needs a terminal",
            where="hashbench tui",
            remedy="`hashbench ls`, `show` and `compare` work without one",
        )
    from hashbench.tui.app import Workbench

    Workbench(runs_dir, data_dir).run()
