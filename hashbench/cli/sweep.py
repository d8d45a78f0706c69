"""`hashbench sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.estimate import Estimate
from hashbench.cli.options import StartOptions, starts_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashbench.launch.sweep import Wanted
    from hashbench.plan.run_estimate import RunEstimate


@starts_runs
def sweep_command(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(help="TOML, as above, or the name of a sweep that ships with hashbench."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the grid and what is done of it, start none.")
    ] = False,
    estimate: Estimate = None,
    start: StartOptions,
) -> None:
    """Run what is missing or failed of a grid in a file; without one, list the sweeps that ship
    with hashbench. Call it again after any interruption: finished runs stay, interrupted and
    failed ones go on from their checkpoints.

    \b
    [base]                       # options of `hashbench run`, for all
    bits = [16, 32]
    seed = [0, 1, 2]
    \b
    [[grid]]                     # a list of any option spans a grid, in `set` as well
    method = "soda"
    epochs = [10, 30]
    set = { alpha = [0.1, 1.0] }
    \b
    [[grid]]
    method = ["pcril", "lsh"]
    known_ratio = [0.3, 0.7]
    ablate = [[], ["no-CSA"]]    # each inner list is one choice
    \b
    [[skip]]                     # leaves out runs that match all keys
    method = "lsh"
    known_ratio = 0.3
    """
    import json

    from hashbench.backbones.preflight import check_inputs
    from hashbench.cli.estimate import estimates_of
    from hashbench.cli.start import work_through
    from hashbench.launch.sweep import alone, create_missing, survey
    from hashbench.plan.sweep import read_sweep
    from hashbench.report.estimate_text import sum_text

    if file is None:
        _print_shipped(as_json=start.json_)
        return
    # all that can be wrong is found before the first folder is made
    mode, runs_dir = start.mode, start.runs_dir
    specs = read_sweep(_resolved(file), start.data_dir)
    check_inputs(specs, start.data_dir, fetch=True)
    if dry_run:
        surveyed = survey(specs, runs_dir)
        due = [one.spec for one in surveyed if one.due]
        estimates = estimates_of(due, start.data_dir, runs_dir, estimate)
        if start.json_:
            typer.echo(json.dumps(_plain_plan(surveyed, estimates), indent=1))
        else:
            print_runs(surveyed)
            typer.echo(summary_text(surveyed))
            if estimates:
                typer.echo(sum_text(estimates))
        return
    # two calls at once would both make the folders that are missing
    with alone(runs_dir):
        surveyed = survey(specs, runs_dir)
        folders = create_missing(surveyed, runs_dir)
    typer.echo(summary_text(surveyed), err=start.json_)
    if folders:
        work_through(folders, start.data_dir, mode, as_json=start.json_)


def _resolved(file: Path) -> Path:
    """A file of that path, or the sweep of that name that ships with hashbench.

    Raises UnknownNameError for what is neither and does not look like a file.
    """
    from hashbench import sweeps
    from hashbench.errors import UnknownNameError

    named = sweeps.shipped()
    if file.exists() or file.suffix or len(file.parts) > 1:
        return file
    if str(file) not in named:
        raise UnknownNameError("sweep", str(file), named, where="sweep")
    return named[str(file)]


def _print_shipped(*, as_json: bool) -> None:
    import json

    from hashbench import sweeps

    summaries = {name: sweeps.summary(path) for name, path in sweeps.shipped().items()}
    if as_json:
        typer.echo(json.dumps(summaries, indent=1))
        return
    for name, text in summaries.items():
        typer.echo(f"{name}\n    {text}")
    typer.echo("`hashbench sweep NAME --dry-run` shows the runs of one.")


def state_text(one: Wanted) -> str:
    """The state of a run of a grid, also of one that is not there."""
    return "missing" if one.status is None else str(one.status)


def _plain_plan(
    surveyed: Sequence[Wanted], estimates: list[RunEstimate] | None
) -> list[dict[str, object]]:
    """The runs, those that are due with what they cost, where that was measured."""
    from hashbench.cli import estimate

    plan = [plain_run(one) for one in surveyed]
    due = [row for row in plan if row["due"]]
    for row, cost in zip(due, estimates or (), strict=False):
        row["estimate"] = estimate.plain(cost)
    return plan


def plain_run(one: Wanted) -> dict[str, object]:
    """A run of a grid for `--json`."""
    import msgspec

    return {
        "run": None if one.folder is None else one.folder.id,
        "state": state_text(one),
        "due": one.due,
        "spec": msgspec.to_builtins(one.spec),
    }


def print_runs(surveyed: Sequence[Wanted]) -> None:
    """Prints the state and the name of every run."""
    from hashbench.report.naming import full_name

    for one in surveyed:
        typer.echo(f"{state_text(one):9} {full_name(one.spec)}")


def summary_text(surveyed: Sequence[Wanted]) -> str:
    """How many runs are in which state, and how many are to start."""
    from collections import Counter

    counts = Counter(state_text(one) for one in surveyed)
    by_state = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    due = sum(one.due for one in surveyed)
    return f"{len(surveyed)} runs: {by_state}; {due} to start"
