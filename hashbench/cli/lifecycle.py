"""`hashbench resume`, `retry`, `pause`, `stop`, `kill` and `tag`: what people do to runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import RUNS_DIR, Json, Many, Runs, RunsDir, StartOptions, starts_runs
from hashbench.cli.selection import AllLive, Yes, in_state, live, report, select_runs

if TYPE_CHECKING:
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
    from hashbench.runs.state import Status

    mode = start.mode
    folders = select_runs(
        run, start.runs_dir, actions.interrupted if all_ else None, options="--all"
    )
    if not folders:
        typer.echo("no run was interrupted", err=True)
    # a paused worker lives and only gets a request; the others need a worker
    paused = [folder for folder in folders if in_state(Status.PAUSED)(folder)]
    for folder in paused:
        actions.resume(folder, start.data_dir)
        typer.echo(f"{folder.id}: goes on", err=start.json_)
    if remaining := [folder for folder in folders if folder not in paused]:
        work_through(remaining, start.data_dir, mode, as_json=start.json_)


@starts_runs
def retry_command(
    *,
    run: Runs = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every run that failed.")] = False,
    start: StartOptions,
) -> None:
    """Try runs that failed once more, from their last checkpoint."""
    from hashbench.cli.start import work_through
    from hashbench.errors import BusyError
    from hashbench.runs.state import Status

    mode = start.mode
    every = in_state(Status.FAILED) if failed else None
    folders = select_runs(run, start.runs_dir, every, options="--failed")
    if not folders:
        typer.echo("no run has failed", err=True)
        return
    for folder in folders:
        if in_state(Status.RUNNING, Status.PAUSED)(folder):
            raise BusyError("its worker is still running", where=folder.id, remedy="stop it first")
    work_through(folders, start.data_dir, mode, as_json=start.json_)


def pause_command(
    run: Runs = None, all_: AllLive = False, json_: Json = False, runs_dir: RunsDir = RUNS_DIR
) -> None:
    """Ask running workers to save and wait, waiting ones to let others pass; `resume` goes on.

    A paused run keeps its device slot. `stop` frees it.
    """
    from hashbench.launch import actions
    from hashbench.runs.state import Status

    running = in_state(Status.RUNNING, Status.QUEUED)
    every = (lambda folder: running(folder) and live(folder)) if all_ else None
    folders = select_runs(run, runs_dir, every, options="--all")
    act_on(folders, actions.pause, "asked to pause; `hashbench resume {id}` goes on", json_)


def stop_command(
    run: Runs = None, all_: AllLive = False, json_: Json = False, runs_dir: RunsDir = RUNS_DIR
) -> None:
    """Ask workers to finish their step, save and stop; waiting ones leave the queue."""
    from hashbench.launch import actions

    folders = select_runs(run, runs_dir, live if all_ else None, options="--all")
    act_on(folders, actions.stop, "asked to stop; `hashbench resume {id}` goes on", json_)


def kill_command(
    run: Runs = None,
    all_: AllLive = False,
    yes: Yes = False,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """End workers at once; what they did since their last checkpoint is lost."""
    from hashbench.launch import actions

    folders = select_runs(run, runs_dir, live if all_ else None, options="--all")
    confirm("kill", folders, yes=yes)
    act_on(folders, actions.kill, "killed; `hashbench resume {id}` goes on", json_)


def tag_command(
    run: Runs = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Shown in place of the id; '' removes it.")
    ] = None,
    add: Annotated[Many, typer.Option("--add", "-a", help="A tag: one word.")] = None,
    remove: Annotated[Many, typer.Option("--remove", "-r", help="A tag to take away.")] = None,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Give a run a name and tags, as in the workbench; without options show them."""
    from hashbench.errors import InputError
    from hashbench.runs import tags

    folders = select_runs(run, runs_dir)
    if name and len(folders) > 1:
        raise InputError("is for one run", where="--name", remedy="tags can go to several")
    results: list[dict[str, object]] = []
    lines = []
    for folder in folders:
        current = tags.read(folder)
        if (name, add, remove) != (None, None, None):
            kept = [tag for tag in (*current.tags, *(add or [])) if tag not in (remove or [])]
            current = tags.write(folder, current.name if name is None else name, kept)
        shown = [f'"{current.name}"' if current.name else "no name", *current.tags]
        results.append({"run": folder.id, "name": current.name, "tags": list(current.tags)})
        lines.append(f"{folder.id}: {' '.join(shown)}")
    report(results, lines, as_json=json_)


def act_on(
    folders: list[RunFolder], action: Callable[[RunFolder], object], done: str, as_json: bool
) -> None:
    """Does `action` to each run and reports it. Raises what the action raises, after a report of
    the runs before.
    """
    if not folders:
        typer.echo("nothing to do: no run is in that state", err=True)
    results: list[dict[str, object]] = []
    lines = []
    try:
        for folder in folders:
            action(folder)
            text = done.format(id=folder.id)
            results.append({"run": folder.id, "done": text})
            lines.append(f"{folder.id}: {text}")
    finally:
        report(results, lines, as_json=as_json)


def confirm(action: str, folders: list[RunFolder], *, yes: bool) -> None:
    """Asks before what cannot be undone. Raises InputError where nobody can answer."""
    if yes or not folders:
        return
    import sys

    from hashbench.errors import InputError

    if not sys.stdin.isatty():
        names = ", ".join(folder.id for folder in folders)
        raise InputError(
            f"needs a confirmation, and there is no terminal to ask in: {action} {names}",
            remedy="add --yes",
        )
    typer.echo("\n".join(folder.id for folder in folders), err=True)
    runs = "this run" if len(folders) == 1 else f"these {len(folders)} runs"
    typer.confirm(f"{action} {runs}?", abort=True, err=True)
