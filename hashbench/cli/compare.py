"""`hashbench compare`: which method is better, under equal conditions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.selection import metric_name, sort_paths, warn

if TYPE_CHECKING:
    from hashbench.report.comparison import Table
    from hashbench.report.rows import Collected


def compare_command(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders, such as runs/*, or ids of runs, and files of codes of the same "
            "split. [default: all in the runs folder]"
        ),
    ] = None,
    metric: Annotated[
        str, typer.Option("--metric", "-m", help="Any metric name, such as mAP@50 or nDCG@100.")
    ] = "mAP@all",
    format_: Annotated[
        str, typer.Option("--format", "-f", help="table, md, latex, csv or json.")
    ] = "table",
    versus: Annotated[
        str | None,
        typer.Option(
            "--versus",
            help="A row, or a part of its name that fits it alone: marks what differs from it by "
            "more than luck (paired test over queries).",
        ),
    ] = None,
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="Numbers that papers print, below rows of the same dataset and split sizes.",
        ),
    ] = False,
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
    from hashbench.errors import InputError, UnknownNameError
    from hashbench.report import comparison, export, rows

    form = "json" if json_ else format_
    if form not in export.FORMATS:
        raise UnknownNameError("format", form, export.FORMATS, where="--format")
    if across_protocols:
        _check_across(form, {"--versus": versus is not None, "--published": published})
    # names are checked before any run is read
    name = metric_name(metric)
    folders, files = sort_paths(runs or [], runs_dir)
    collected = rows.collect(folders)
    warn(f"left out: {problem}" for problem in collected.damaged)
    if form != "json" and not collected.finished and not collected.unfinished:
        raise InputError(
            "there is no run to compare",
            where=runs_dir,
            remedy=f"`hashbench eval {files[0]}` scores files of codes"
            if files
            else "`hashbench run` makes one",
        )
    if across_protocols:
        _print_across(collected, name, form)
    else:
        tables = comparison.compare(collected.finished, name)
        tables = _extended(tables, collected, versus=versus, files=files, published=published)
        _print_tables(tables, collected, form)
    if form in ("table", "md") and collected.unfinished:
        typer.echo("not finished:")
        for line in export.unfinished_lines(collected.unfinished):
            typer.echo(f"  {line}")


def _check_across(form: str, others: dict[str, bool]) -> None:
    """Raises InputError for what --across-protocols does not go with."""
    from hashbench.errors import InputError
    from hashbench.report import gap_tables

    if form not in gap_tables.FORMATS:
        raise InputError(
            f"--across-protocols has no form {form}",
            where="--format",
            remedy="without --across-protocols, where every row says its protocol",
        )
    for option, given in others.items():
        if given:
            raise InputError(
                "does not go with --across-protocols", where=option, remedy="leave one of them out"
            )


def _extended(
    tables: list[Table],
    collected: Collected,
    *,
    versus: str | None,
    files: list[Path],
    published: bool,
) -> list[Table]:
    """The tables with p-values, rows of code files and published numbers, as asked for."""
    from hashbench.report.code_file_rows import with_code_files
    from hashbench.report.published import with_published
    from hashbench.report.significance import versus as tested_against

    folders = {one.run.id: one.run for one in collected.finished}
    if versus is not None:
        tables = tested_against(tables, versus, folders.__getitem__)
    if files:
        tables = with_code_files(tables, files, folders)
    if published:
        before = tables
        tables = with_published(tables)
        if tables == before:
            warn(["no published number is of the same dataset, split sizes and metric as a table"])
    return tables


def _print_across(collected: Collected, metric: str, form: str) -> None:
    from hashbench.cli.console import console
    from hashbench.report import gap_tables
    from hashbench.report.protocol_gap import protocol_gaps

    gaps = protocol_gaps(collected.finished, metric)
    if form == "md":
        typer.echo(gap_tables.markdown(gaps))
    else:
        console().print(gap_tables.rich_gaps(gaps))


def _print_tables(tables: list[Table], collected: Collected, form: str) -> None:
    from hashbench.cli.console import console
    from hashbench.report import export

    match form:
        case "json":
            typer.echo(export.as_json(tables, collected.unfinished))
        case "csv":
            typer.echo(export.comma_separated(tables), nl=False)
        case "md":
            typer.echo(export.markdown(tables))
        case "latex":
            typer.echo(export.latex(tables), nl=False)
        case _:
            console().print(export.rich_tables(tables))
