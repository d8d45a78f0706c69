"""`hashbench run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.cli.estimate import Estimate
from hashbench.cli.options import StartOptions, starts_runs, takes_run_options

if TYPE_CHECKING:
    from hashbench.plan.run_estimate import RunEstimate
    from hashbench.plan.spec import RunSpec


@starts_runs
@takes_run_options
def run_command(
    *,
    typed: dict[str, Any],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="TOML file with these options as keys, the name of a preset that was saved in the "
            "workbench, or the spec.toml of a run to repeat it; typed options win.",
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN|BUNDLE",
            help="Repeat a run, or those of a bundle, and say whether the codes are equal.",
        ),
    ] = None,
    each_ablation: Annotated[
        bool,
        typer.Option(
            "--each-ablation",
            help="The method as it is, and then with each named ablation of its own.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the runs, start none.")
    ] = False,
    estimate: Estimate = None,
    start: StartOptions,
) -> None:
    """Train a method, watch it, and print its scores; several values make a grid.

    Test queries are scored once, at the end; validation queries out of the training items choose
    the epoch. Ctrl-C saves and stops; `hashbench resume` goes on. With --queue the runs wait for
    free devices in their turn; `hashbench queue` shows them.
    """
    import datetime

    from hashbench.backbones.preflight import check_inputs
    from hashbench.cli.estimate import estimates_of
    from hashbench.cli.start import work_through
    from hashbench.plan import parameters, saved_presets
    from hashbench.plan.request import expand, overridden, read_config
    from hashbench.plan.run_options import request
    from hashbench.runs.layout import create

    # a repetition takes all from the run that it repeats
    if from_ is not None:
        _repeat(from_, start, others=bool(typed) or config is not None or dry_run)
        return
    # all that can be wrong is found before the first folder is made
    mode = start.mode
    values = typed
    if config is not None:
        file = saved_presets.resolved(config)
        values = overridden(read_config(file, start.data_dir), typed)
    if each_ablation:
        values = {**values, "ablate": parameters.each_ablation(request(values))}
    specs = expand(request(values), start.data_dir)
    check_inputs(specs, start.data_dir, fetch=True)
    if dry_run:
        estimates = estimates_of(specs, start.data_dir, start.runs_dir, estimate)
        _print_plan(specs, estimates, as_json=start.json_)
        return
    now = datetime.datetime.now().astimezone()
    folders = [create(start.runs_dir, spec, now) for spec in specs]
    work_through(folders, start.data_dir, mode, as_json=start.json_)


def _repeat(source: str, start: StartOptions, *, others: bool) -> None:
    from hashbench.cli.repeat import repeat_runs
    from hashbench.errors import InputError

    if others:
        raise InputError(
            "repeats a run as it was, so no option of runs goes with it",
            where="--from",
            remedy="--config SPEC.toml takes a run's options, and others win over them",
        )
    repeat_runs(source, start)


def _print_plan(
    specs: list[RunSpec], estimates: list[RunEstimate] | None, *, as_json: bool
) -> None:
    """The runs by name with their presets, and what they cost where that was measured."""
    from hashbench.cli import estimate

    if as_json:
        import json

        import msgspec

        runs = msgspec.to_builtins(specs)
        for run, cost in zip(runs, estimates or (), strict=False):
            run["estimate"] = estimate.plain(cost)
        typer.echo(json.dumps(runs, indent=1))
        return
    from hashbench.report.estimate_text import sum_text, text_of
    from hashbench.report.naming import full_name

    for number, spec in enumerate(specs):
        typer.echo(full_name(spec))
        if estimates:
            typer.echo(text_of(estimates[number]))
    presets = dict.fromkeys(
        f"{spec.method} on {spec.dataset.name}: {spec.preset}" for spec in specs
    )
    typer.echo(f"presets: {'; '.join(presets)}")
    typer.echo("1 run" if len(specs) == 1 else f"{len(specs):,} runs")
    if estimates:
        typer.echo(sum_text(estimates))
