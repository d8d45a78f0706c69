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
from hashbench.cli.study_report import planned_study, report_study, study_command
from hashbench.cli.sweep import plain_run, print_runs, summary_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashbench.launch.sweep import Wanted
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
def liststudy_command(json_: Json = False) -> None:
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
def showstudy_command(
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

    planned = planned_study(name, typed, data_dir, quick=quick)
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
def runstudy_command(
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
    planned = planned_study(name, typed, start.data_dir, quick=quick)
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
        typer.echo(f"the answer: {study_command('report', name, typed, quick=quick)}", err=True)


@app.command("report")
@takes_study_options
def reportstudy_command(
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
        "figures": list(dict.fromkeys(one.kind for one in content.figure)),
        "cost": None if costs is None else vars(costs),
        "problem": problem,
        "runs": [plain_run(one) for one in surveyed],
    }
    typer.echo(json.dumps(plan, indent=1))


def _runs_text(surveyed: Sequence[Wanted]) -> str:
    return summary_text(surveyed) if surveyed else "nothing to train: the labels answer it"
