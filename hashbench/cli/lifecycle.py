"""`hashbench resume`, `retry`, `pause` and `stop`: what people do to runs that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import RUNS_DIR, Many, Runs, RunsDir, StartOptions, starts_runs

if TYPE_CHECKING:
    from pathlib import Path

    from hashbench.runs.layout import RunFolder


@starts_runs
def resume_command(
    *,
    run: Runs = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every run that was stopped, killed or lost.")
    ] = False,
    start: StartOptions,
) -> None:
    """Go on with runs that were stopped, killed or lost; their codes come out the same.

    A paused run goes on where it waits. Failed runs need `hashbench retry`, after a look at why.
    """
    from hashbench.cli.start import work_through
    from hashbench.launch import actions
    from hashbench.runs.layout import find

    mode = start.mode
    if all_:
        _no_names(run, "--all")
        folders = [folder for folder in find(start.runs_dir) if actions.interrupted(folder)]
        if not folders:
            typer.echo("no run was interrupted", err=True)
            return
    else:
        folders = _without_paused(_picked(run, start.runs_dir), start.data_dir)
    if folders:
        work_through(folders, start.data_dir, mode, as_json=start.json_)


@starts_runs
def retry_command(
    *,
    run: Runs = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every run that failed.")] = False,
    start: StartOptions,
) -> None:
    """Try runs that failed once more, from their last checkpoint."""
    from hashbench.cli.start import work_through
    from hashbench.errors import InputError
    from hashbench.runs import state
    from hashbench.runs.layout import find

    mode = start.mode
    if failed:
        _no_names(run, "--failed")
        folders = [
            folder for folder in find(start.runs_dir) if _status(folder) is state.Status.FAILED
        ]
        if not folders:
            typer.echo("no run has failed", err=True)
            return
    else:
        folders = _picked(run, start.runs_dir)
        for folder in folders:
            if _status(folder) in (state.Status.RUNNING, state.Status.PAUSED):
                raise InputError("its worker is at it", where=folder.id)
    work_through(folders, start.data_dir, mode, as_json=start.json_)


def pause_command(run: Runs = None, runs_dir: RunsDir = RUNS_DIR) -> None:
    """Ask running workers to save and wait, waiting ones to let others pass; `resume` goes on."""
    from hashbench.launch import actions

    for folder in _picked(run, runs_dir):
        actions.pause(folder)
        typer.echo(f"{folder.id}: asked to pause; `hashbench resume {folder.id}` goes on")


def stop_command(run: Runs = None, runs_dir: RunsDir = RUNS_DIR) -> None:
    """Ask workers to finish their step, save and stop; waiting ones leave the queue."""
    from hashbench.launch import actions

    for folder in _picked(run, runs_dir):
        actions.stop(folder)
        typer.echo(f"{folder.id}: asked to stop; `hashbench resume {folder.id}` goes on")


def _picked(names: Many, runs_dir: Path) -> list[RunFolder]:
    from hashbench.errors import InputError
    from hashbench.runs.layout import pick

    if not names:
        raise InputError("names no run", where="RUN", remedy="an id or `last`; `hashbench ls`")
    return list(dict.fromkeys(pick(runs_dir, name) for name in names))


def _no_names(names: Many, option: str) -> None:
    from hashbench.errors import InputError

    if names:
        raise InputError(
            f"takes no runs, but {', '.join(names)} is given",
            where=option,
            remedy=f"either the runs or {option}",
        )


def _without_paused(folders: list[RunFolder], data_dir: Path) -> list[RunFolder]:
    """Tells paused workers to go on; returns the runs that need a worker."""
    from hashbench.launch import actions
    from hashbench.runs import state

    paused = [folder for folder in folders if _status(folder) is state.Status.PAUSED]
    for folder in paused:
        actions.resume(folder, data_dir)
        typer.echo(f"{folder.id}: goes on")
    return [folder for folder in folders if folder not in paused]


def _status(folder: RunFolder) -> str:
    from hashbench.runs import state
    from hashbench.runs.tailer import read_all

    return state.status(state.fold(read_all(folder.events)), folder)
