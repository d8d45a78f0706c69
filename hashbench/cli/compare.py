"""`hashbench compare`: which method is better, under equal conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare_command(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Run folders, such as runs/*. [default: all in the runs folder]"),
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", help="Any metric name, such as mAP@50 or nDCG@100.")
    ] = "mAP@all",
    format_: Annotated[
        str, typer.Option("--format", "-f", help="table, md, latex, csv or json.")
    ] = "table",
    versus: Annotated[
        str | None,
        typer.Option(
            "--versus",
            help="A row, such as soda: marks what differs from it by more than luck (paired test "
            "over queries).",
        ),
    ] = None,
    across_protocols: Annotated[
        bool,
        typer.Option(
            "--across-protocols",
            help="Strict and published runs side by side, their difference, and what leaks.",
        ),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    runs_dir: Annotated[
        Path, typer.Option("--runs-dir", envvar="HASHBENCH_RUNS", help="Where run folders are.")
    ] = Path("runs"),
) -> None:
    """Put finished runs into tables: mean and deviation over seeds, the best marked.

    Only runs with equal dataset, split, backbone and protocol share a table; why others do not is
    said below. Unfinished runs are listed with their state.
    """
    from hashbench.cli.console import console
    from hashbench.cli.watch import plain_lines
    from hashbench.errors import InputError, UnknownNameError
    from hashbench.report import comparison, export, protocol_gap, rows
    from hashbench.report.significance import versus as against_row
    from hashbench.runs.layout import RunFolder, find, pick

    wanted = "json" if json_ else format_
    if wanted not in export.FORMATS:
        raise UnknownNameError("format", wanted, export.FORMATS, where="--format")
    if across_protocols and wanted not in protocol_gap.FORMATS:
        raise InputError(
            f"--across-protocols has no form {wanted}",
            where="--format",
            remedy="without --across-protocols, where every row says its protocol",
        )
    if across_protocols and versus is not None:
        raise InputError("tests within a protocol", where="--versus", remedy="one of the two")
    if runs:
        folders = []
        for path in runs:
            if (path / "spec.toml").is_file():
                folders.append(RunFolder(path.resolve()))
            elif not path.exists():
                folders.append(pick(runs_dir, str(path)))
            # runs/* also holds files and foreign folders; they are no runs
    else:
        folders = find(runs_dir)
    collected = rows.collect(folders)
    for problem in collected.damaged:
        typer.echo(plain_lines(f"left out: {problem}"), err=True)
    tables = comparison.compare(collected.finished, metric)
    if wanted != "json" and not collected.finished and not collected.unfinished:
        raise InputError(
            "there is no run to compare", where=runs_dir, remedy="`hashbench run` makes one"
        )
    if versus is not None:
        tables = against_row(tables, versus, {one.run.id: one.run for one in collected.finished})
    if wanted == "json":
        typer.echo(export.as_json(tables, collected.unfinished))
        return
    if across_protocols:
        both = protocol_gap.sides(collected.finished, metric)
        if wanted == "md":
            typer.echo(protocol_gap.markdown(both))
        else:
            console().print(protocol_gap.rich_sides(both))
    elif wanted == "csv":
        typer.echo(export.comma_separated(tables), nl=False)
    elif wanted == "md":
        typer.echo(export.markdown(tables))
    elif wanted == "latex":
        typer.echo(export.latex(tables), nl=False)
    else:
        console().print(export.rich_tables(tables))
    if wanted in ("table", "md") and collected.unfinished:
        typer.echo("not finished:")
        for line in export.unfinished_lines(collected.unfinished):
            typer.echo(f"  {line}")
