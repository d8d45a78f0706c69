"""`hashbench rm`: deletes runs, and has them back for a while."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import RUNS_DIR, Json, Many, Runs, RunsDir
from hashbench.cli.selection import Yes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashbench.runs.trash import Deleted


def rm_command(
    run: Runs = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every run that failed.")] = False,
    for_good: Annotated[
        bool, typer.Option("--for-good", help="Not to the trash: the disk is free at once.")
    ] = False,
    undo: Annotated[
        bool,
        typer.Option("--undo", help="Have deleted runs back: those named, or the last ones."),
    ] = False,
    list_: Annotated[bool, typer.Option("--trash", help="List what can be had back.")] = False,
    empty: Annotated[bool, typer.Option("--empty", help="Empty the trash.")] = False,
    yes: Yes = False,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Delete runs, with codes and results; those with a worker are refused.

    They are kept in `.trash` of the runs folder for an hour (HASHBENCH_TRASH_MINUTES), which --undo
    has them back from, and removed for good with the first deletion after that.
    """
    from hashbench.errors import InputError
    from hashbench.runs import trash

    chosen = [
        f"--{name}"
        for name, given in (
            ("undo", undo), ("trash", list_), ("empty", empty), ("for-good", for_good),
        )
        if given
    ]  # fmt: skip
    if len(chosen) > 1 or (failed and (undo or list_ or empty)):
        raise InputError(
            "cannot be combined", where=" and ".join([*chosen, *["--failed"] * failed])
        )
    trash.kept_minutes()  # a wrong number is said before anything is done
    if undo:
        _restore(run, runs_dir, as_json=json_)
    elif list_ or empty:
        if run:
            raise InputError("takes no name of a run", where=chosen[0])
        _list(runs_dir, as_json=json_) if list_ else _empty(runs_dir, yes=yes, as_json=json_)
    else:
        _delete(run, failed, runs_dir, for_good=for_good, yes=yes, as_json=json_)


def _delete(
    names: Many, failed: bool, runs_dir: Path, *, for_good: bool, yes: bool, as_json: bool
) -> None:
    from hashbench.cli.lifecycle import act_on, confirm
    from hashbench.cli.selection import in_state, select_runs
    from hashbench.launch import actions
    from hashbench.runs import trash
    from hashbench.runs.layout import RunFolder
    from hashbench.runs.state import Status

    every = in_state(Status.FAILED) if failed else None
    folders = select_runs(names, runs_dir, every, options="--failed")
    for folder in folders:  # all or none
        actions.check_deletable(folder)
    confirm("remove for good" if for_good else "delete", folders, yes=yes)
    at = trash.moment()

    def delete(run: RunFolder) -> None:
        deleted = actions.delete(run, at)
        if for_good:
            trash.discard(runs_dir, [deleted])

    kept = f"deleted; `hashbench rm --undo {{id}}` has it back for {trash.kept_minutes():g} min"
    act_on(folders, delete, "removed for good" if for_good else kept, as_json)
    if folders and not for_good and not as_json:
        typer.echo(_sum(trash.entries(runs_dir)), err=True)


def _restore(names: Many, runs_dir: Path, *, as_json: bool) -> None:
    from hashbench.cli.selection import report
    from hashbench.errors import InputError, UnknownNameError
    from hashbench.runs import trash

    deleted = trash.entries(runs_dir)
    if not deleted:
        raise InputError("nothing deleted is kept", where=runs_dir / trash.FOLDER)
    wanted = trash.newest(deleted)
    if names:
        wanted = []
        for name in names:
            # of two deletions of one name, the last
            fitting = [one for one in deleted if name in (one.run_id, one.run_id[: len(name)])]
            fitting = fitting or [one for one in deleted if one.run_id.endswith(name)]
            if not fitting:
                raise UnknownNameError(
                    "deleted run", name, [one.run_id for one in deleted], where="--undo"
                )
            wanted.append(fitting[-1])
    results: list[dict[str, object]] = []
    try:
        for entry in dict.fromkeys(wanted):
            trash.restore(entry)
            results.append({"run": entry.run_id, "done": "is back"})
    finally:
        report(results, [f"{one['run']}: is back" for one in results], as_json=as_json)


def _list(runs_dir: Path, *, as_json: bool) -> None:
    import datetime
    import json

    from rich.filesize import decimal

    from hashbench.runs import trash

    deleted = trash.entries(runs_dir)
    if as_json:
        rows = [
            {"run": one.run_id, "deleted": one.at / 1000, "bytes": one.bytes(),
             "minutes left": max(0.0, one.minutes_left)}
            for one in deleted
        ]  # fmt: skip
        typer.echo(json.dumps(rows, indent=1))
        return
    for one in deleted:
        at = datetime.datetime.fromtimestamp(one.at / 1000).astimezone()
        left = f"{max(0.0, one.minutes_left):.0f} min left"
        typer.echo(f"{one.run_id}  {at:%Y-%m-%d %H:%M}  {decimal(one.bytes())}  {left}")
    typer.echo(_sum(deleted), err=True)


def _empty(runs_dir: Path, *, yes: bool, as_json: bool) -> None:
    from hashbench.cli.lifecycle import confirm
    from hashbench.cli.selection import report
    from hashbench.runs import trash
    from hashbench.runs.layout import RunFolder

    deleted = trash.entries(runs_dir)
    confirm("remove for good", [RunFolder(runs_dir / one.run_id) for one in deleted], yes=yes)
    gone = trash.discard(runs_dir, deleted)
    lines = [f"{one.run_id}: removed for good" for one in gone]
    results: list[dict[str, object]] = [
        {"run": one.run_id, "done": "removed for good"} for one in gone
    ]
    report(results, lines or ["the trash is empty"], as_json=as_json)


def _sum(deleted: Sequence[Deleted]) -> str:
    """How much the trash takes, and how to free it."""
    from rich.filesize import decimal

    from hashbench.report.text import plural

    if not deleted:
        return "the trash is empty"
    size = decimal(sum(one.bytes() for one in deleted))
    return f"the trash holds {plural(len(deleted), 'run')}, {size}; `hashbench rm --empty` frees it"
