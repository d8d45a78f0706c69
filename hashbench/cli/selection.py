"""Which runs a command is meant for: those that are named, or all in a state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def sort_paths(paths: list[Path], runs_dir: Path) -> tuple[list[RunFolder], list[Path]]:
    """Run folders, and files of codes; the rest of what runs/* may match is left out with a word.

    Raises InputError for a path that is not there and is no id of a run either.
    """
    from hashbench.errors import InputError
    from hashbench.report.code_file_rows import SUFFIXES
    from hashbench.runs.layout import RunFolder, find, pick

    if not paths:
        return find(runs_dir), []
    folders: list[RunFolder] = []
    files: list[Path] = []
    for path in paths:
        if (path / "spec.toml").is_file():
            folders.append(RunFolder(path.resolve()))
        elif path.is_file() and path.suffix.lower() in SUFFIXES:
            files.append(path)
        elif path.exists():
            warn([f"left out: {path}: neither a run folder nor a file of codes"])
        elif path.suffix.lower() in SUFFIXES:
            raise InputError(
                "does not exist",
                where=path,
                remedy="a run folder, an id that `hashbench ls` shows, or a file of codes",
            )
        else:
            folders.append(pick(runs_dir, str(path)))
    return folders, files


def warn(lines: Iterable[str]) -> None:
    """Lines on stderr, so that what reads stdout reads tables alone."""
    from hashbench.cli.watch import plain_lines

    for line in lines:
        typer.echo(plain_lines(line), err=True)


def metric_name(typed: str) -> str:
    """The name under which results hold the metric that was typed. Raises InputError."""
    from hashbench.errors import InputError
    from hashbench.metrics.metric import parse_metric

    metric = parse_metric(typed, "--metric")
    if metric.direction:
        raise InputError(f"{typed} names a direction; all directions are shown", where="--metric")
    return str(metric)
