"""`hashbench alerts`."""

from __future__ import annotations

from typing import Annotated

import typer

from hashbench.cli.options import RUNS_DIR, Json, RunsDir


def alerts_command(
    since: Annotated[
        str, typer.Option("--since", help="How far back: 90s, 30m, 1h, 2d, 1w.")
    ] = "1d",
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """What happened to all runs lately: warnings, ends, failures, lost workers.

    `hashbench guide warnings` lists what is warned of. `--on-finish` of `hashbench run` tells you
    of an end without being asked.
    """
    import json
    import time

    import msgspec

    from hashbench.report.alerts import MARKS, alerts, clock, span

    now = time.time()
    found = alerts(runs_dir, now - span(since))
    if json_:
        typer.echo(json.dumps(msgspec.to_builtins(found), indent=1))
        return
    for one in found:
        typer.echo(f"{clock(one.t, now)}  {MARKS[one.kind]} {one.kind:8}  {one.run}  {one.text}")
        if one.remedy:
            typer.echo(f"    try: {one.remedy}")
    if not found:
        typer.echo(f"nothing happened in {runs_dir} in the last {since}")
