"""The answer of a study, in the terminal or as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from hashbench.report.figures.figure import Figure
    from hashbench.studies.answer import Answer
    from hashbench.studies.runs import PlannedStudy


def planned_study(name: str, typed: dict[str, Any], data_dir: Path, *, quick: bool) -> PlannedStudy:
    """The study of that name or file, with the options that were typed. Raises InputError."""
    from hashbench.studies.catalog import find
    from hashbench.studies.runs import plan

    return plan(find(name), typed, data_dir, quick=quick)


def study_command(verb: str, name: str, typed: dict[str, Any], *, quick: bool) -> str:
    """The command that does the same study with the same options."""
    import shlex

    from hashbench.plan.run_options import options

    words = ["hashbench", "study", verb, name, *(["--quick"] if quick else [])]
    for key, value in typed.items():
        words += options()[key].words(value)
    return shlex.join(words)


def report_study(
    name: str,
    typed: dict[str, Any],
    *,
    quick: bool,
    output: Path | None,
    figures: bool,
    json_: bool,
    data_dir: Path,
    runs_dir: Path,
) -> None:
    """Answers a study by its finished runs, in the terminal or in a file. Raises InputError."""
    from hashbench.cli.progress import single_bar
    from hashbench.studies.answer import answer
    from hashbench.studies.runs import finished_runs

    form = _form(output)
    planned = planned_study(name, typed, data_dir, quick=quick)
    _, finished = finished_runs(planned, runs_dir)
    if planned.to_run and not finished:
        _refuse(planned, name, typed, quick=quick)
    with single_bar("scores", hidden=json_) as progress:
        found = answer(planned, finished, data_dir, progress)
    if output is not None:
        from hashbench.files.atomic import write_bytes_atomically

        command = study_command("run", name, typed, quick=quick)
        content = _written(found, form, data_dir, command, figures=figures)
        write_bytes_atomically(output, content)
        typer.echo(f"{output}: {found.verdict}", err=True)
    if json_:
        typer.echo(_written(found, ".json", data_dir, "", figures=False).decode(), nl=False)
    elif output is None:
        _print_answer(found, data_dir, figures=figures)


def _print_answer(found: Answer, data_dir: Path, *, figures: bool) -> None:
    from hashbench.cli.console import console
    from hashbench.report.figures import terminal
    from hashbench.studies import export

    out = console()
    out.print(export.for_terminal(found))
    made, missing = _figures(found, data_dir) if figures else ([], [])
    for figure in made:
        out.print()
        out.print(terminal.rendered(figure, min(out.width, 100)))
    for line in missing:
        typer.echo(line, err=True)


def _figures(found: Answer, data_dir: Path) -> tuple[list[Figure], list[str]]:
    from hashbench.cli.progress import single_bar
    from hashbench.studies.figures import drawn

    with single_bar("figures", hidden=False, percent=True) as progress:
        return drawn(found, data_dir, progress)


def _form(output: Path | None) -> str:
    """What is written into a file, by its ending. Raises InputError."""
    from hashbench.errors import InputError
    from hashbench.report.pages.forms import FORMS

    form = "" if output is None else output.suffix.lower()
    if output is not None and form not in (*FORMS, ".md", ".json"):
        raise InputError(
            f"{form or 'no ending'} is no form of a study's answer",
            where=f"--output {output}",
            remedy="FILE.html, FILE.pdf, FILE.md or FILE.json",
        )
    return form


def _written(found: Answer, form: str, data_dir: Path, command: str, *, figures: bool) -> bytes:
    from hashbench.report.pages.forms import written
    from hashbench.report.tables import for_json
    from hashbench.studies import export, pages

    if form == ".md":
        return export.markdown(found).encode()
    if form == ".json":
        return (for_json(export.as_json(found)) + "\n").encode()
    made, missing = _figures(found, data_dir) if figures else ([], [])
    return written(pages.page(found, made, missing, command), form)


def _refuse(planned: PlannedStudy, name: str, typed: dict[str, Any], *, quick: bool) -> None:
    """Raises InputError: nothing has run. Says so if the other size of the study has."""
    from hashbench.errors import InputError

    raise InputError(
        f"none of its {len(planned.to_run)} runs is finished",
        where=name,
        remedy=study_command("run", name, typed, quick=quick)
        + ("" if quick else "; with --quick if the runs were those of the built-in data"),
    )
