"""Which runs a command is meant for: those that are named, or all in a state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import Many

if TYPE_CHECKING:
    from hashbench.runs.layout import RunFolder

AllLive = Annotated[bool, typer.Option("--all", help="Every run that has a worker.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def select_runs(
    names: Many,
    runs_dir: Path,
    every: Callable[[RunFolder], bool] | None = None,
    *,
    options: str = "",
) -> list[RunFolder]:
    """The runs that are named, each once, or with `every` all that it is true of; `options` are
    those that stand for names, for the message.

    Raises InputError for no name or for names beside such an option, UnknownNameError.
    """
    from hashbench.errors import InputError
    from hashbench.runs.layout import find, pick

    if every is not None:
        if names:
            raise InputError(
                "cannot be combined with names of runs",
                where=options,
                remedy=f"either names or {options}",
            )
        return [folder for folder in find(runs_dir) if every(folder)]
    if not names:
        remedy = f"an id or `last`{f', or {options}' if options else ''}; `hashbench ls` lists runs"
        raise InputError("names no run", where="RUN", remedy=remedy)
    return list(dict.fromkeys(pick(runs_dir, name) for name in names))


def in_state(*states: str) -> Callable[[RunFolder], bool]:
    """Whether a run is in one of the states."""
    from hashbench.runs.status import status

    return lambda folder: status(folder).state in states


def live(folder: RunFolder) -> bool:
    """Whether a worker has the run or waits for its turn."""
    from hashbench.launch.spawn import has_worker
    from hashbench.runs.status import status

    return has_worker(folder, status(folder))


def report(results: list[dict[str, object]], lines: list[str], *, as_json: bool) -> None:
    """What was done to each run, a line a run or as JSON."""
    import json

    if as_json:
        typer.echo(json.dumps(results, indent=1))
    elif lines:
        typer.echo("\n".join(lines))
