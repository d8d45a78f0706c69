"""Starting workers for the commands that do: watched, detached, or through the queue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from hashbench.launch.start_mode import StartMode
    from hashbench.runs.layout import RunFolder


def work_through(
    folders: Sequence[RunFolder], data_dir: Path, mode: StartMode, *, as_json: bool
) -> None:
    """Works through runs. Watched, it exits with the worst of their exit codes."""
    from hashbench.cli.jobs import submit_all, watch_jobs

    for folder in folders:
        mode.prepare(folder)
    # jobs first: they wait in their queue while runs of this host train
    submitted = submit_all(folders, data_dir, mode, as_json=as_json)
    worst = 0
    if here := [folder for folder in folders if folder not in submitted]:
        worst = _work_here(here, data_dir, mode, as_json=as_json)
    if submitted and not mode.detach:
        worst = max(worst, watch_jobs(submitted, as_json=as_json))
    if not (mode.queue or mode.detach or as_json):
        _print_results(folders)
    if worst:
        raise typer.Exit(worst)


def _work_here(
    folders: Sequence[RunFolder], data_dir: Path, mode: StartMode, *, as_json: bool
) -> int:
    """Works through runs on this host; the worst of their exit codes, 0 where nobody watches."""
    if mode.queue or (mode.detach and len(folders) > 1):
        _enqueue(folders, data_dir, mode, as_json=as_json)
    elif mode.detach:
        _leave(folders, data_dir, mode)
    else:
        return _watch(folders, data_dir, mode, as_json=as_json)
    return 0


def _follow(folder: RunFolder, mode: StartMode) -> None:
    """Starts what hands a run's numbers to trackers, once the run has a worker."""
    from hashbench.launch.followers import start_follower

    for name in mode.trackers:
        start_follower(folder, name)


def _enqueue(
    folders: Sequence[RunFolder], data_dir: Path, mode: StartMode, *, as_json: bool
) -> None:
    from hashbench.launch import actions, spawn

    for folder in folders:
        actions.resume(
            folder, data_dir, start=lambda run, data: spawn.enqueue(run, data, mode.priority)
        )
        _follow(folder, mode)
        typer.echo(folder.id)
    if not as_json:
        typer.echo("they train in turn: `hashbench queue` and `hashbench tui` show them", err=True)


def _leave(folders: Sequence[RunFolder], data_dir: Path, mode: StartMode) -> None:
    from hashbench.launch import actions, spawn

    for folder in folders:
        actions.resume(folder, data_dir, start=spawn.start)
        _follow(folder, mode)
        typer.echo(folder.id)


def _watch(folders: Sequence[RunFolder], data_dir: Path, mode: StartMode, *, as_json: bool) -> int:
    from hashbench.cli.watch import Interrupted, watcher
    from hashbench.errors import BusyError
    from hashbench.launch.spawn import start

    watch = watcher(as_json=as_json)
    worst = 0
    for position, folder in enumerate(folders):
        try:
            process = start(folder, data_dir)
        except BusyError:
            if len(folders) == 1:
                raise
            watch.message(f"{folder.id}: another worker has it already")
            continue
        _follow(folder, mode)
        try:
            code = watch.follow(folder, process, position + 1, len(folders))
        except Interrupted as stop:
            waiting = [folder.id for folder in folders[position + (not stop.resumable) :]]
            typer.echo(f"to go on: hashbench resume {' '.join(waiting)}", err=True)
            raise typer.Exit(130) from None
        worst = max(worst, code)
    return worst


def _print_results(folders: Sequence[RunFolder]) -> None:
    from hashbench.cli.console import console
    from hashbench.report import comparison, export, rows

    collected = rows.collect(folders)
    out = console()
    if collected.finished:
        out.print()
        out.print(export.rich_tables(comparison.compare(collected.finished)))
        for one in collected.finished:
            out.print(f"audit of {one.run.id}: {one.result.audit.verdict}")
    for line in export.unfinished_lines(collected.unfinished):
        out.print(line)
