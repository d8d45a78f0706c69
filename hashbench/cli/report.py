"""`hashbench report`: one file about many runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, Json, RunsDir
from hashbench.cli.selection import metric_name, sort_paths, warn

if TYPE_CHECKING:
    from hashbench.report.comparison import Table
    from hashbench.report.figures.figure import Figure
    from hashbench.report.pages.page import Page
    from hashbench.report.rows import Collected


Runs = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Run folders, such as runs/*, or ids of runs, or the name of one study. "
        "[default: all in the runs folder]"
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="FILE.html, or FILE.pdf.")]
Title = Annotated[str, typer.Option("--title", help="What stands on top.")]
Metric = Annotated[
    str, typer.Option("--metric", "-m", help="Any metric name, such as mAP@50 or nDCG@100.")
]
Versus = Annotated[
    str | None,
    typer.Option(
        "--versus",
        help="A row, or a part of its name: marks what differs from it by more than luck.",
    ),
]
Published = Annotated[
    bool,
    typer.Option("--published", help="Numbers that papers print, below rows that they match."),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="Of a study: on built-in data, as `study run --quick`.")
]
Figures = Annotated[
    bool, typer.Option("--figures/--no-figures", help="Figures need hashbench[plots].")
]


def report_command(
    runs: Runs = None,
    output: Output = Path("report.html"),
    title: Title = "hashbench report",
    metric: Metric = "mAP@all",
    versus: Versus = None,
    published: Published = False,
    figures: Figures = True,
    quick: Quick = False,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Write one self-contained file about runs: tables, figures, audit, protocol, commands; or
    about a study: its question and verdict, too (`study report` takes the options of its runs).

    The HTML page opens without a network: tables sort and filter, and it prints. PDF needs
    `pip install 'hashbench[pdf]'`. Equal runs give equal files, byte by byte.
    """
    from hashbench.errors import InputError
    from hashbench.files.atomic import write_bytes_atomically
    from hashbench.report.pages.forms import FORMS, written
    from hashbench.report.rows import collect

    form, name = output.suffix.lower(), metric_name(metric)
    if form not in FORMS:
        raise InputError(
            f"{form or 'no ending'} is no form of reports",
            where="--output",
            remedy="a name that ends in .html or .pdf",
        )
    # the name of a study stands for its runs, and brings question and verdict along
    if (study := _study(runs or [])) is not None:
        from hashbench.cli.study_report import report_study

        report_study(
            study,
            {},
            quick=quick,
            output=output,
            figures=figures,
            json_=json_,
            data_dir=data_dir,
            runs_dir=runs_dir,
        )
        return
    if quick:
        raise InputError("is of studies alone", where="--quick", remedy="name a study")
    folders, files = sort_paths(runs or [], runs_dir)
    if files:
        raise InputError("is no run", where=files[0], remedy="a run folder or the id of a run")
    collected = collect(folders)
    tables = _tables(collected, name, versus=versus, published=published)
    page = _page(collected, tables, name, title=title, figures=figures, hidden=json_)
    content = written(page, form)
    write_bytes_atomically(output, content)
    _tell(output, page, len(content), len(collected.finished), as_json=json_)


def _study(names: list[Path]) -> str | None:
    """The study that is named, if one is: a name of no path, or a study's file."""
    from hashbench.studies.catalog import files

    if len(names) != 1:
        return None
    (name,) = names
    if name.suffix == ".toml" and name.is_file():
        return str(name)
    return str(name) if not name.exists() and str(name) in files() else None


def _tables(
    collected: Collected, metric: str, *, versus: str | None, published: bool
) -> list[Table]:
    from hashbench.report.comparison import compare
    from hashbench.report.published import with_published
    from hashbench.report.significance import versus as tested_against

    tables = compare(collected.finished, metric)
    if versus is not None:
        folders = {one.run.id: one.run for one in collected.finished}
        tables = tested_against(tables, versus, folders.__getitem__)
    return with_published(tables) if published else tables


def _page(
    collected: Collected,
    tables: list[Table],
    metric: str,
    *,
    title: str,
    figures: bool,
    hidden: bool,
) -> Page:
    from hashbench.cli.progress import single_bar
    from hashbench.report.pages.choice import figures_of
    from hashbench.report.pages.page import report_page

    drawn: list[Figure] = []
    missing: list[str] = []
    if figures and collected.finished:
        with single_bar("figures", hidden=hidden, percent=True) as progress:
            drawn, missing = figures_of(collected, metric, progress)
    return report_page(collected, tables, drawn, title=title, notes=missing)


def _tell(output: Path, page: Page, size: int, runs: int, *, as_json: bool) -> None:
    from rich.filesize import decimal

    from hashbench.report.tables import for_json
    from hashbench.report.text import plural

    kinds = [figure.kind for section in page.sections for figure in section.figures]
    if as_json:
        told = {"file": str(output), "bytes": size, "runs": runs, "figures": kinds}
        typer.echo(for_json(told | {"marks": page.marks}))
        return
    shown = f"{plural(runs, 'run')}, {plural(len(kinds), 'figure')}, {decimal(size)}"
    typer.echo(f"{output}: {shown}")
    warn(f"! {mark}" for mark in page.marks)
