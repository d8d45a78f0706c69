"""`hashbench run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.cli.options import StartOptions, starts_runs, takes_run_options

if TYPE_CHECKING:
    from hashbench.plan.spec import RunSpec


@starts_runs
@takes_run_options
def run_command(
    *,
    typed: dict[str, Any],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="TOML file with these options as keys, or the spec.toml of a run to repeat it; "
            "typed options win.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the runs, start none.")
    ] = False,
    start: StartOptions,
) -> None:
    """Train a method, watch it, and print its scores; several values make a grid.

    Test queries are scored once, at the end; validation queries out of the training items choose
    the epoch. Ctrl-C saves and stops; `hashbench resume` goes on. With --queue the runs wait for
    free devices in their turn; `hashbench queue` shows them.
    """
    import datetime

    from hashbench.backbones.preflight import check_inputs
    from hashbench.cli.start import work_through
    from hashbench.plan.request import expand, overridden, read_config
    from hashbench.plan.run_options import request
    from hashbench.runs.layout import create

    mode = start.mode
    values = typed if config is None else overridden(read_config(config, start.data_dir), typed)
    specs = expand(request(values), start.data_dir)
    check_inputs(specs, start.data_dir, fetch=True)
    if dry_run:
        _print_plan(specs, as_json=start.json_)
        return
    now = datetime.datetime.now().astimezone()
    folders = [create(start.runs_dir, spec, now) for spec in specs]
    work_through(folders, start.data_dir, mode, as_json=start.json_)


def _print_plan(specs: list[RunSpec], *, as_json: bool) -> None:
    if as_json:
        import json

        import msgspec

        typer.echo(json.dumps(msgspec.to_builtins(specs), indent=1))
        return
    from hashbench.report.naming import full_name

    for spec in specs:
        typer.echo(full_name(spec))
    typer.echo("1 run" if len(specs) == 1 else f"{len(specs):,} runs")
