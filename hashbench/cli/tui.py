"""`hashbench tui`: the workbench."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, RunsDir

Demo = Annotated[
    bool,
    typer.Option(
        "--demo", help="Play recorded runs; your runs and data are not touched, nothing is kept."
    ),
]
Speed = Annotated[
    float | None,
    typer.Option("--speed", metavar="TIMES", help="Of the demo; 1 is as recorded. [default: 5]"),
]


def tui_command(
    demo: Demo = False,
    speed: Speed = None,
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
    demo_speed = check_demo(speed, demo=demo)
    if demo_speed is not None:
        from hashbench.tui.demo.stage import run_demo

        run_demo(demo_speed)
        return
    from hashbench.tui import picture_quality, settings
    from hashbench.tui.app import Workbench
    from hashbench.tui.screens.tour import first_time

    quality = picture_quality.choose(pictures, os.environ)
    if quality.mode != picture_quality.BLOCKS:
        picture_quality.load_widgets(quality)
    tour = first_time(settings.path_for(runs_dir))
    Workbench(runs_dir, data_dir, tour=tour, pictures=quality).run()


def check_demo(speed: float | None, *, demo: bool) -> float | None:
    """The speed of the demo, None where none is asked for. Raises InputError for a wrong one."""
    from hashbench.errors import InputError
    from hashbench.tui.demo.speed import USUAL_SPEED, check

    if not demo:
        if speed is not None:
            raise InputError("only a demo has a speed", where="--speed", remedy="add --demo")
        return None
    return check(USUAL_SPEED if speed is None else speed)
