"""`hashbench run --from`: repeats runs, and says whether their codes are equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from hashbench.cli.options import StartOptions
    from hashbench.runs.layout import RunFolder


def repeat_runs(source: str, start: StartOptions) -> None:
    """Trains the runs of a source again and compares codes; exit code 1 where they differ.

    Raises InputError for a source that cannot be repeated, or where nobody waits for the end.
    """
    import datetime

    from hashbench.backbones.preflight import check_inputs
    from hashbench.claims.repeat import spec_to_repeat
    from hashbench.claims.sources import claims
    from hashbench.cli.start import work_through
    from hashbench.errors import InputError
    from hashbench.runs.layout import create

    if start.queue or start.detach:
        raise InputError(
            "does not go with --queue and --detach: codes are compared when they are there",
            where="--from",
        )
    with claims([source], start.runs_dir) as claimed:
        specs = [spec_to_repeat(one.run, start.runs_dir) for one in claimed]
        check_inputs(specs, start.data_dir, fetch=True)
        now = datetime.datetime.now().astimezone()
        again = [create(start.runs_dir, spec, now) for spec in specs]
        work_through(again, start.data_dir, start.mode, as_json=start.json_)
        pairs = zip((one.run for one in claimed), again, strict=True)
        equal = [_compare(before, made, as_json=start.json_) for before, made in pairs]
    if not all(equal):
        raise typer.Exit(1)


def _compare(before: RunFolder, again: RunFolder, *, as_json: bool) -> bool:
    """Says whether the codes are equal, and what else was not the same where they are not."""
    import json

    from hashbench.claims.repeat import differences, other_circumstances
    from hashbench.report.text import plain

    found, circumstances = differences(before, again), other_circumstances(before, again)
    if as_json:
        page = {
            "run": again.id,
            "repeats": before.id,
            "equal": not found,
            "differences": found,
            "circumstances": circumstances,
        }
        typer.echo(json.dumps(page))
        return not found
    if not found:
        typer.echo(f"{again.id}: its codes equal those of {plain(before.id)}, bit for bit")
        return True
    typer.echo(f"{again.id}: its codes are NOT those of {plain(before.id)}")
    for line in found:
        typer.echo(f"  {plain(line)}")
    for line in circumstances:
        typer.echo(f"  not the same: {plain(line)}")
    return False
