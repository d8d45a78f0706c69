"""`hashbench plot`: figures of runs, as files for papers and in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, Json, RunsDir
from hashbench.cli.selection import metric_name, sort_paths, warn
from hashbench.report.figures.catalog import KINDS, PlotOptions

if TYPE_CHECKING:
    from hashbench.report.figures.figure import Figure

_LIST = "; ".join(f"{name}: {words}" for name, words in KINDS.items())


def _kinds(incomplete: str) -> list[str]:
    return [name for name in KINDS if name.startswith(incomplete)]


def plot_command(
    kind: Annotated[
        str,
        typer.Argument(
            help=f"{_LIST}.",
            metavar="KIND",
            autocompletion=_kinds,
        ),
    ],
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Run folders, such as runs/*, or ids of runs. [default: all in the runs folder]"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="FILE.pdf, FILE.svg or FILE.png. [default: drawn in the terminal]",
        ),
    ] = None,
    over: Annotated[
        str,
        typer.Option(
            "--over", help="Of `parameter`: alpha, known_ratio, ... [default: what varies]"
        ),
    ] = "",
    metric: Annotated[
        str, typer.Option("--metric", "-m", help="Any metric name, such as mAP@50 or nDCG@100.")
    ] = "mAP@all",
    width: Annotated[
        str,
        typer.Option(
            "--width",
            help="column (3.3 inches), page (7 inches), or inches. [default: column, but page "
            "where there are more panels than two, or many bars]",
        ),
    ] = "",
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of t-sne, and of the items drawn.")
    ] = 0,
    items: Annotated[
        int, typer.Option("--items", min=1, max=12, help="Of attention: how many queries.")
    ] = 3,
    csv: Annotated[bool, typer.Option("--csv", help="The numbers as CSV, a line a point.")] = False,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Draw a figure of runs: in the terminal, or as a file for a paper.

    Runs that are equal but for the seed are one line: their mean, with its 95 % interval. Files
    need `pip install 'hashbench[plots]'`; equal runs give equal files, byte by byte. With --json
    or --csv the numbers are printed, whether a file is written or not.
    """
    from hashbench.cli.console import console
    from hashbench.cli.progress import single_bar
    from hashbench.errors import InputError
    from hashbench.files.atomic import write_bytes_atomically
    from hashbench.report.figures import catalog, paper, terminal
    from hashbench.report.rows import collect

    catalog.check_kind(kind)
    options = PlotOptions(metric_name(metric), over, seed, items, data_dir)
    form = "" if output is None else output.suffix.lower().removeprefix(".")
    if width:
        paper.check_width(width)
    if output is not None:  # a wrong ending is told before minutes of computing
        paper.check_form(form)
    folders, files = sort_paths(runs or [], runs_dir)
    if files:
        raise InputError("is no run", where=files[0], remedy="a run folder or the id of a run")
    collected = collect(folders)
    warn(f"left out: {problem}" for problem in collected.damaged)
    # scores of large databases, t-SNE and models take a while
    with single_bar(kind, hidden=False, percent=True) as progress:
        figure = catalog.figure(kind, collected, options, progress)
    if output is not None:
        inches = paper.inches(width, figure)
        write_bytes_atomically(output, paper.written(figure, form, inches))
        warn([f"{output}: {figure.title}, {len(figure.panels)} panels"])
    if csv or json_:
        _print_numbers(figure, as_json=json_)
    elif output is None:
        out = console()
        out.print(terminal.rendered(figure, min(out.width, 100)))


def _print_numbers(figure: Figure, *, as_json: bool) -> None:
    from hashbench.report.figures.figure import CSV_HEADER, as_values, records
    from hashbench.report.tables import for_csv, for_json

    if as_json:
        typer.echo(for_json(as_values(figure)))
    else:
        typer.echo(for_csv(records(figure), CSV_HEADER), nl=False)
