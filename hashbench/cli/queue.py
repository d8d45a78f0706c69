"""`hashbench queue`."""

from __future__ import annotations

from typing import Annotated

import typer

from hashbench.cli.options import RUNS_DIR, Json, Many, RunsDir


def queue_command(
    run: Annotated[Many, typer.Argument(help="Waiting runs whose --priority to change.")] = None,
    priority: Annotated[
        int | None, typer.Option("--priority", help="The highest first, -999 to 999.")
    ] = None,
    slots: Annotated[
        str | None,
        typer.Option(
            "--slots",
            help="Runs at once on this host: cpu=N on the processors, gpu=N on each GPU; 0 lets "
            "nothing new begin. [default: cpu=1,gpu=1]",
        ),
    ] = None,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show who waits for a device on this host, in turn, who trains, and the jobs of clusters;
    change order and slots.

    Runs come here with `hashbench run --queue`. Those started without it train at once, and
    waiting ones leave them their slot.
    """
    import json

    from hashbench.errors import InputError
    from hashbench.report.queue import overview, render
    from hashbench.runs import queue
    from hashbench.runs import slots as limits
    from hashbench.runs.layout import pick

    # changes come first, so that the page below shows them
    line = queue.of(runs_dir)
    if slots is not None:
        wanted = limits.parse(slots, where="--slots", otherwise=limits.limits(line.folder))
        line.set_limits(wanted)
    if run and priority is None:
        raise InputError(
            "which priority shall it have?",
            where=run[0],
            remedy=f"hashbench queue {run[0]} --priority 5",
        )
    if priority is not None and not run:
        raise InputError(
            "which runs shall have it?",
            where="--priority",
            remedy=f"hashbench queue RUN --priority {priority}",
        )
    for name in run or []:
        line.prefer(pick(runs_dir, name).id, priority or 0)
    page = overview(runs_dir)
    if json_:
        typer.echo(json.dumps(page, indent=1))
        return
    from hashbench.cli.console import console

    console().print(render(page))
