"""`hashbench study`: questions, the runs that answer them, and the answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.cli.options import (
    DATA_DIR,
    RUNS_DIR,
    DataDir,
    Json,
    RunsDir,
    StartOptions,
    starts_runs,
    takes_study_options,
)
from hashbench.cli.sweep import plain_run, print_runs, summary_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashbench.launch.sweep import Wanted
    from hashbench.studies.answer import Answer
    from hashbench.studies.cost import Cost
    from hashbench.studies.runs import PlannedStudy

app = typer.Typer(
    help="Studies: from a question to runs, tables and a verdict.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


def _names(incomplete: str) -> list[str]:
    from hashbench.studies.catalog import files

    return [name for name in files() if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        help="A study, as `study list` names it, or a file of your own, NAME.toml.",
        autocompletion=_names,
    ),
]

Quick = Annotated[
    bool, typer.Option("--quick", help="On built-in data, in minutes: what the study gives for it.")
]


@app.command("list")
def list_command(json_: Json = False) -> None:
    """List all studies with their questions. HASHBENCH_STUDIES names a folder with your own."""
    from hashbench.report.text import plain as shown
    from hashbench.studies.catalog import left_out, studies

    known = studies()
    for problem in left_out():
        typer.echo(f"left out: {shown(problem)}", err=True)
    if json_:
        import json

        plain = [
            {"name": s.name, "question": s.content.question, "source": s.content.source,
             "file": str(s.path)}
            for s in known
        ]  # fmt: skip
        typer.echo(json.dumps(plain, indent=1))
        return
    from hashbench.cli.progress import print_entry

    width = max(len(study.name) for study in known) + 2
    for study in known:
        print_entry(f"{study.name:<{width}}", shown(study.content.question))


@app.command("show")
@takes_study_options
def show_command(
    *,
    name: Name,
    typed: dict[str, Any],
    quick: Quick = False,
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate/--no-estimate",
            help="Measure a few steps of each kind of run that has not run here before.",
        ),
    ] = True,
    runs: Annotated[bool, typer.Option("--runs", help="List every run with its state.")] = False,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Show a study: its question, its claims, how many runs, how long, and how much disk."""
    from hashbench.errors import InputError
    from hashbench.studies.runs import finished_runs

    planned = _planned(name, typed, data_dir, quick=quick)
    surveyed, _ = finished_runs(planned, runs_dir)
    costs, problem = None, ""
    try:
        costs = _cost(planned, surveyed, data_dir, runs_dir, measuring=estimate)
    except InputError as error:
        problem = str(error)  # the question is worth showing where its data is missing, too
    if json_:
        _print_json_plan(planned, surveyed, costs, problem)
    else:
        _print_plan(planned, surveyed, costs, problem, listed=runs)


@app.command("run")
@starts_runs
@takes_study_options
def run_command(
    *,
    name: Name,
    typed: dict[str, Any],
    quick: Quick = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs and what is done of them, start none.")
    ] = False,
    start: StartOptions,
) -> None:
    """Run what is missing or failed of a study. Call it again after any interruption: finished
    runs stay, wherever they came from, interrupted and failed ones go on from their checkpoints.

    Options stand in place of the study's: `--dataset mirflickr25k --seeds 0-4`.
    """
    from hashbench.backbones.preflight import check_inputs
    from hashbench.cli.start import work_through
    from hashbench.launch.sweep import alone, create_missing, survey

    mode = start.mode
    planned = _planned(name, typed, start.data_dir, quick=quick)
    check_inputs(planned.specs, start.data_dir, fetch=True)
    folders = []
    if dry_run:
        surveyed = survey(planned.to_run, start.runs_dir)
    elif planned.to_run:
        # two calls at once would both make the folders that are missing
        with alone(start.runs_dir):
            surveyed = survey(planned.to_run, start.runs_dir)
            folders = create_missing(surveyed, start.runs_dir)
    else:
        surveyed = []
    if dry_run and start.json_:
        _print_json_plan(planned, surveyed, None, "")
        return
    if dry_run:
        print_runs(surveyed)
    typer.echo(_runs_text(surveyed), err=start.json_)
    if folders:
        work_through(folders, start.data_dir, mode, as_json=start.json_)
    if not dry_run and not (mode.queue or mode.detach):
        typer.echo(f"the answer: {_command('report', name, typed, quick=quick)}", err=True)


@app.command("report")
@takes_study_options
def report_command(
    *,
    name: Name,
    typed: dict[str, Any],
    quick: Quick = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="FILE.html, .pdf, .md or .json. [default: the terminal]"
        ),
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Draw the study's figures.")
    ] = True,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Print a study's verdict, effects, tables and figures, of the runs that are finished.

    Give the options that `study run` had: they say which runs are meant.
    """
    report_study(
        name,
        typed,
        quick=quick,
        output=output,
        figures=figures,
        json_=json_,
        data_dir=data_dir,
        runs_dir=runs_dir,
    )


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
    from hashbench.studies.answer import answer
    from hashbench.studies.runs import finished_runs

    form = _form(output)
    planned = _planned(name, typed, data_dir, quick=quick)
    _, finished = finished_runs(planned, runs_dir)
    if planned.to_run and not finished:
        _refuse(planned, name, typed, quick=quick)
    found = answer(planned, finished, data_dir)
    if output is not None:
        from hashbench.files.atomic import write_bytes_atomically

        command = _command("run", name, typed, quick=quick)
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
    from hashbench.studies.figures import drawn

    out = console()
    out.print(export.for_terminal(found))
    made, missing = drawn(found, data_dir) if figures else ([], [])
    for figure in made:
        out.print()
        out.print(terminal.rendered(figure, min(out.width, 100)))
    for line in missing:
        typer.echo(line, err=True)


def _planned(name: str, typed: dict[str, Any], data_dir: Path, *, quick: bool) -> PlannedStudy:
    from hashbench.studies.catalog import find
    from hashbench.studies.runs import plan

    return plan(find(name), typed, data_dir, quick=quick)


def _form(output: Path | None) -> str:
    """What is written into a file, by its ending. Raises InputError."""
    from hashbench.errors import InputError
    from hashbench.studies.pages import FORMS

    form = "" if output is None else output.suffix.lower()
    if output is not None and form not in (*FORMS, ".md", ".json"):
        raise InputError(
            f"{form or 'no ending'} is no form of a study's answer",
            where=f"--output {output}",
            remedy="FILE.html, FILE.pdf, FILE.md or FILE.json",
        )
    return form


def _written(found: Answer, form: str, data_dir: Path, command: str, *, figures: bool) -> bytes:
    from hashbench.report.tables import for_json
    from hashbench.studies import export, pages
    from hashbench.studies.figures import drawn

    if form == ".md":
        return export.markdown(found).encode()
    if form == ".json":
        return (for_json(export.as_json(found)) + "\n").encode()
    made, missing = drawn(found, data_dir) if figures else ([], [])
    return pages.written(pages.page(found, made, missing, command), form)


def _refuse(planned: PlannedStudy, name: str, typed: dict[str, Any], *, quick: bool) -> None:
    """Raises InputError: nothing has run. Says so if the other size of the study has."""
    from hashbench.errors import InputError

    raise InputError(
        f"none of its {len(planned.to_run)} runs is finished",
        where=name,
        remedy=_command("run", name, typed, quick=quick)
        + ("" if quick else "; with --quick if the runs were those of the built-in data"),
    )


def _command(verb: str, name: str, typed: dict[str, Any], *, quick: bool) -> str:
    """The command that does the same study with the same options."""
    import shlex

    from hashbench.plan.run_options import options

    words = ["hashbench", "study", verb, name, *(["--quick"] if quick else [])]
    for key, value in typed.items():
        words += options()[key].words(value)
    return shlex.join(words)


def _cost(
    planned: PlannedStudy,
    surveyed: Sequence[Wanted],
    data_dir: Path,
    runs_dir: Path,
    *,
    measuring: bool,
) -> Cost:
    from hashbench.backbones.preflight import check_inputs
    from hashbench.report.rows import collect
    from hashbench.runs.layout import find
    from hashbench.studies.cost import cost, kind_of

    due = [one.spec for one in surveyed if one.due]
    check_inputs(planned.specs, data_dir, fetch=False)
    past = collect(find(runs_dir)).finished if due else []
    if measuring and {kind_of(spec) for spec in due} - {kind_of(run.spec) for run in past}:
        typer.echo("measuring: a few steps of each new kind of run (--no-estimate)", err=True)
    return cost(due, past, data_dir, measuring=measuring)


def _print_plan(
    planned: PlannedStudy,
    surveyed: Sequence[Wanted],
    costs: Cost | None,
    problem: str,
    *,
    listed: bool,
) -> None:
    from hashbench.cli.progress import print_entry
    from hashbench.report.text import plain

    content = planned.study.content
    lines = {"question": content.question, "source": content.source, "note": content.note}
    claims = dict.fromkeys(one.claim for one in content.compare)
    lines |= {f"claim {number}": claim for number, claim in enumerate(claims, start=1)}
    lines |= {"analyses": ", ".join(one.kind for one in content.analyse)}
    lines |= {"figures": ", ".join(one.kind for one in content.figure)}
    lines |= {"file": str(planned.study.path), "runs": _runs_text(surveyed)}
    lines |= {"cost": _cost_text(costs), "cannot run": problem}
    for key, text in lines.items():
        if text:
            print_entry(f"{key:<11}", plain(text))
    if listed:
        print_runs(surveyed)


def _cost_text(costs: Cost | None) -> str:
    if costs is None or not (costs.from_past or costs.from_measuring or costs.unknown):
        return ""
    from rich.filesize import decimal

    from hashbench.report.text import duration, plural

    if not (costs.from_past or costs.from_measuring):
        return f"not known of {plural(costs.unknown, 'run')}: --estimate measures"
    source = []
    source += [f"{plural(costs.from_past, 'run')} as past ones"] if costs.from_past else []
    source += [f"{costs.from_measuring} as measured"] if costs.from_measuring else []
    source += [f"{costs.unknown} not known"] if costs.unknown else []
    return (
        f"about {duration(costs.seconds)} one after the other, disk {decimal(costs.disk)} "
        f"({', '.join(source)})"
    )


def _print_json_plan(
    planned: PlannedStudy, surveyed: Sequence[Wanted], costs: Cost | None, problem: str
) -> None:
    import json

    content = planned.study.content
    plan = {
        "study": planned.study.name,
        "file": str(planned.study.path),
        "question": content.question,
        "source": content.source,
        "claims": [one.claim for one in content.compare],
        "comparisons": [
            {"claim": one.comparison.claim, "rows": one.names[0], "against": one.names[1]}
            for one in planned.contrasts
        ],
        "cost": None if costs is None else vars(costs),
        "problem": problem,
        "runs": [plain_run(one) for one in surveyed],
    }
    typer.echo(json.dumps(plan, indent=1))


def _runs_text(surveyed: Sequence[Wanted]) -> str:
    return summary_text(surveyed) if surveyed else "nothing to train: the labels answer it"
