"""`hashbench ls` and `hashbench show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import RUNS_DIR, Json, RunsDir

if TYPE_CHECKING:
    from hashbench.runs.layout import RunFolder


def ls_command(
    status: Annotated[
        str | None, typer.Option("--status", help="Only runs in this state, such as failed.")
    ] = None,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """List runs, oldest first: state, progress, mAP."""
    from hashbench.errors import UnknownNameError
    from hashbench.runs.layout import find
    from hashbench.runs.state import Status

    if status is not None and status not in list(Status):
        raise UnknownNameError("state", status, list(Status), where="--status")
    lines = [_line(folder) for folder in find(runs_dir)]
    lines = [line for line in lines if status in (None, line["status"])]
    if json_:
        import json

        typer.echo(json.dumps(lines, indent=1))
        return
    if not lines:
        typer.echo(f"no runs in {runs_dir}; `hashbench run` makes one")
        return
    from rich.table import Table

    from hashbench.cli.console import console

    table = Table(box=None, pad_edge=False)
    for header in ("run", "state", "done"):
        table.add_column(header, overflow="fold")
    table.add_column("mAP", justify="right")
    for line in lines:
        score = line["mAP"]
        done = f"{line['done']:.0%}" if isinstance(line["done"], float) else ""
        shown = f"{score:.4f}" if isinstance(score, float) else ""
        table.add_row(str(line["run"]), str(line["status"]), done, shown)
    console().print(table)


def _line(folder: RunFolder) -> dict[str, object]:
    from hashbench.runs import state
    from hashbench.runs.tailer import read_all

    folded = state.fold(read_all(folder.events))
    status = state.status(folded, folder)
    done = folded.steps_done / folded.steps_total if folded.steps_total else None
    if status is state.Status.FINISHED:
        done = 1.0
    return {
        "run": folder.id,
        "status": str(status),
        "done": done,
        "mAP": folded.best_guess_map,
        "on": "test" if folded.test else "validation" if folded.validation else None,
        "stage": folded.stage,
        "epoch": folded.epoch,
    }


def show_command(
    run: Annotated[str, typer.Argument(help="Run id, or its beginning or end, or `last`.")],
    recovery: Annotated[
        bool, typer.Option("--recovery", help="Labels that the run recovered, with examples.")
    ] = False,
    by_class: Annotated[
        bool, typer.Option("--class", help="The same as a table of classes.")
    ] = False,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show one run: state, spec, facts, scores with their conventions, audit."""
    from hashbench.report.details import details, render
    from hashbench.report.recovery import recovery_of, render_classes, render_recovery
    from hashbench.runs.layout import pick

    folder = pick(runs_dir, run)
    found = recovery_of(folder) if recovery or by_class else details(folder)
    if json_:
        import json

        typer.echo(json.dumps(found, indent=1))
        return
    from hashbench.cli.console import console

    out = console()
    if not (recovery or by_class):
        out.print(render(found))
    if recovery:
        out.print(render_recovery(found))
    if by_class:
        out.print(render_classes(found))
