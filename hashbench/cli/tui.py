"""`hashbench tui`: the workbench."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, RunsDir


def tui_command(
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
    pictures: Annotated[
        str,
        typer.Option(
            "--pictures",
            envvar="HASHBENCH_PICTURES",
            help="auto, blocks (half blocks, everywhere), or at full quality kitty or sixel: with "
            "the extra `pictures`, and not in tmux. auto goes by the terminal's name.",
        ),
    ] = "auto",
) -> None:
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
    from hashbench.tui import picture_quality, settings
    from hashbench.tui.app import Workbench
    from hashbench.tui.screens.tour import first_time

    quality = picture_quality.choose(pictures, os.environ)
    if quality.mode != picture_quality.BLOCKS:
        picture_quality.load_widgets(quality)
    tour = first_time(settings.path_for(runs_dir))
    Workbench(runs_dir, data_dir, tour=tour, pictures=quality).run()
