"""`hashbench ls` and `hashbench show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import RUNS_DIR, Json, RunsDir

if TYPE_CHECKING:
    from hashbench.runs.index import Summary
    from hashbench.runs.layout import RunFolder


def ls_command(
    status: Annotated[
        str | None, typer.Option("--status", help="Only runs in this state, such as failed.")
    ] = None,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """List runs, oldest first: state, progress, time left, mAP, and what is not usual about each.

    A mAP of validation queries, which is no result, has a `v`; ⚠ marks runs whose training looks
    like a known failure, which `hashbench show RUN` names, and what to try.
    """
    from hashbench.errors import UnknownNameError
    from hashbench.runs.index import summaries
    from hashbench.runs.state import Status

    if status is not None and status not in list(Status):
        raise UnknownNameError("state", status, list(Status), where="--status")
    rows = [
        (run, summary)
        for run, summary in summaries(runs_dir)
        if status in (None, summary.status.state)
    ]
    if json_:
        import json

        typer.echo(json.dumps([_plain(run, summary) for run, summary in rows], indent=1))
    elif rows:
        typer.echo("\n".join(_lines([_cells(run, summary) for run, summary in rows])))
    else:
        which = f"no {status} runs" if status else "no runs"
        typer.echo(f"{which} in {runs_dir}; `hashbench run` makes one")


def _plain(run: RunFolder, summary: Summary) -> dict[str, object]:
    from hashbench.report.naming import variant_name

    current = summary.status
    return {
        "run": run.id,
        "status": str(current.state),
        "doing": current.doing,
        "done": current.done,
        "seconds left": current.seconds_left,
        "mAP": current.score,
        "on": current.score_on or None,
        "variant": "" if summary.spec is None else variant_name(summary.spec),
        "name": summary.tags.name,
        "tags": list(summary.tags.tags),
        "stage": current.stage or None,
        "epoch": current.epoch,
        "reason": current.reason,
        "remedy": current.remedy,
        "warnings": list(current.warnings),
        "problem": summary.problem,
    }


HEADERS = ("run", "state", "done", "left", "mAP", "variant")


def _cells(run: RunFolder, summary: Summary) -> tuple[str, ...]:
    """A row below HEADERS."""
    from hashbench.report.naming import variant_name
    from hashbench.report.text import WARNED, duration, plain

    current, tags = summary.status, summary.tags
    about = [] if summary.spec is None else [variant_name(summary.spec)]
    about += [f'"{plain(tags.name)}"'] if tags.name else []
    about += [*tags.tags, plain(summary.problem)]
    score = "" if current.score is None else f"{current.score:.4f}"
    return (
        run.id,
        f"{current.state} {WARNED}" if current.warnings else str(current.state),
        "" if current.done is None else f"{int(100 * current.done)}%",
        "" if current.seconds_left is None else duration(current.seconds_left),
        score + ("v" if current.score_on == "validation" else ""),
        "  ".join(part for part in about if part),
    )


def _lines(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows below their headers. Where the last column does not fit into a terminal, it stands on
    lines of its own; a pipe gets a line a row.

    No table of rich's, which takes longer for a thousand rows than all of their files.
    """
    import shutil
    import sys

    widths = [max(map(len, column)) for column in zip(HEADERS, *rows, strict=True)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else sum(widths) + 99
    wraps = sum(widths) + 2 * len(widths) - 2 > room
    lines = []
    for row in (HEADERS if any(row[-1] for row in rows) else (*HEADERS[:-1], ""), *rows):
        left = [f"{cell:<{width}}" for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [f"{cell:>{width}}" for cell, width in zip(row[2:-1], widths[2:-1], strict=True)]
        start = "  ".join([*left, *right])
        if wraps and row[-1]:
            lines += [start.rstrip(), f"    {row[-1]}"]
        else:
            lines.append(f"{start}  {row[-1]}".rstrip())
    return lines


def show_command(
    run: Annotated[str, typer.Argument(help="Run id, or its beginning or end, or `last`.")],
    recovery: Annotated[
        bool, typer.Option("--recovery", help="Labels that the run recovered, with examples.")
    ] = False,
    by_class: Annotated[
        bool, typer.Option("--class", help="The same as a table of classes.")
    ] = False,
    confusion: Annotated[
        bool,
        typer.Option("--confusion", help="Which classes are found for the queries of which."),
    ] = False,
    top: Annotated[
        int, typer.Option("--top", min=1, help="With --confusion: of the first so many hits.")
    ] = 50,
    bits: Annotated[
        int | None, typer.Option("--bits", "-b", help="With --confusion. [default: the longest]")
    ] = None,
    direction: Annotated[
        str | None, typer.Option("--direction", help="With --confusion: i2t, t2i, i2i, t2t.")
    ] = None,
    json_: Json = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show one run: state, spec, facts, scores with their conventions, audit."""
    from hashbench.runs.layout import pick

    folder = pick(runs_dir, run)
    if confusion:
        _show_confusion(folder, top, bits, direction, as_json=json_)
        return
    if recovery or by_class:
        _show_recovery(folder, examples=recovery, classes=by_class, as_json=json_)
        return
    from hashbench.report.details import details, render

    page = details(folder)
    if json_:
        import json

        typer.echo(json.dumps(page, indent=1))
        return
    from hashbench.cli.console import console

    console().print(render(page))


def _show_recovery(folder: RunFolder, *, examples: bool, classes: bool, as_json: bool) -> None:
    from hashbench.cli.console import console
    from hashbench.report.recovery import class_table, latest_recovery, summary_page

    latest = latest_recovery(folder)
    if as_json:
        import json

        import msgspec

        page = {"run": folder.id, **msgspec.to_builtins(latest)}
        typer.echo(json.dumps(page, indent=1))
        return
    if examples:
        console().print(summary_page(latest))
    if classes:
        console().print(class_table(latest))


def _show_confusion(
    folder: RunFolder, top: int, bits: int | None, direction: str | None, *, as_json: bool
) -> None:
    from hashbench.report.class_confusion import confusion_page, render

    page = confusion_page(folder, bits=bits, direction=direction, top=top)
    if as_json:
        import json

        typer.echo(json.dumps(page, indent=1))
        return
    from hashbench.cli.console import console

    console().print(render(page))
