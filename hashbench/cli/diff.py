"""`hashbench diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashbench.cli.options import RUNS_DIR, Json, RunsDir


def diff_command(
    runs: Annotated[
        list[str], typer.Argument(help="Run ids, beginnings or ends of them, paths, or `last`.")
    ],
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """What differs between runs: only the values of spec, facts and state that are not the same.

    The columns are named by exactly that. `hashbench compare` says which run is better.
    """
    from hashbench.cli.selection import select_runs
    from hashbench.errors import InputError
    from hashbench.report.differences import differences, summary, table

    folders = select_runs(runs, Path(runs_dir))
    if len(folders) < 2:
        raise InputError(
            "names one run", where="RUN", remedy="name two runs at least; `hashbench ls` lists them"
        )
    found = differences(folders)
    if json_:
        import json

        import msgspec

        typer.echo(json.dumps(msgspec.to_builtins(found), indent=1))
        return
    from hashbench.cli.console import console

    out = console()
    if found.rows:
        out.print(table(found))
    out.print(summary(found))
    for problem in found.damaged:
        typer.echo(f"left out: {problem}", err=True)
