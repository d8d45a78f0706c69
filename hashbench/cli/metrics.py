"""`hashbench metrics`: the metrics that runs and files of codes are scored by; add your own."""

from __future__ import annotations

import typer

from hashbench.cli.contract import What, report
from hashbench.cli.new import Into, NewName, Package, write
from hashbench.cli.options import Json

app = typer.Typer(
    help="Metrics: list them, write and check your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("list")
def list_command(json_: Json = False) -> None:
    """List all metrics with examples of names; those of plug-ins say where they come from."""
    from hashbench.metrics import catalog
    from hashbench.report.text import plain

    lines = [
        {
            "name": card.name,
            "title": card.title,
            "examples": list(card.examples),
            "plugin": catalog.source_of(card.name),
        }
        for card in catalog.measures().values()
    ]
    if json_:
        import json

        typer.echo(json.dumps(lines, indent=1))
    else:
        for line in lines:
            plugin = f" [plug-in: {line['plugin']}]" if line["plugin"] else ""
            examples = ", ".join(map(str, line["examples"]))
            typer.echo(plain(f"{line['name']:<8} {line['title']}: {examples}{plugin}"))
    for problem in catalog.left_out():
        typer.echo(f"left out: {plain(problem)}", err=True)


@app.command("new")
def new_command(name: NewName, into: Into = None, package: Package = False) -> None:
    """Write the beginning of a metric of your own, the harmonic mean of P and R, and its test.

    What is written works as it stands. Files that exist are never overwritten.
    """
    from hashbench.metrics import catalog

    write("metric", name, catalog.built_in_measures(), into, package=package)


@app.command("check")
def check_command(what: What, json_: Json = False) -> None:
    """Try the contract of a metric on random codes: a line for each check.

    Values lie in their range, ties in random order are the mean over many orders, the order of
    items does not matter, and random codes score what it says. Exit code 1 where it fails.
    """
    from hashbench.testing.named import metric_checks

    report(lambda _folder: metric_checks(what), as_json=json_)
