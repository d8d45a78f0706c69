"""`hashbench methods`: what can be run, with its parameters and presets; add and check your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.cli.contract import What, report
from hashbench.cli.new import Into, NewName, Package, write
from hashbench.cli.options import DATA_DIR, DataDir, Json

if TYPE_CHECKING:
    from hashbench.plan.card import DatasetCard, MethodCard

app = typer.Typer(
    help="Methods: list them, show one, write and check your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("list")
def list_command(json_: Json = False) -> None:
    """List all methods; those of plug-ins say where they come from."""
    from hashbench.plan import catalog
    from hashbench.report.text import plain as plain_text

    cards = catalog.methods()
    if json_:
        import json

        plain = [
            {
                "name": card.name,
                "title": card.title,
                "paper": card.paper,
                "plugin": catalog.source_of("method", card.name),
            }
            for card in cards.values()
        ]
        typer.echo(json.dumps(plain, indent=1))
    else:
        for card in cards.values():
            source = catalog.source_of("method", card.name)
            plugin = f" [plug-in: {source}]" if source else ""
            typer.echo(f"{card.name:<12} {card.summary}{plugin}")
    for problem in catalog.left_out("method"):
        typer.echo(f"left out: {plain_text(problem)}", err=True)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A method, as `methods list` names it.")],
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="paper|built-in",
            help="Show the values of a preset instead, each with its source, and what is not "
            "known.",
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="With --preset: as they are on this dataset."),
    ] = None,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Show a method's parameters (for --set) and ablations (for --ablate), or its preset."""
    from hashbench.errors import InputError
    from hashbench.plan import catalog

    card = catalog.method(name, where="methods show")
    if preset is not None:
        _show_preset(card, preset, dataset, data_dir, as_json=json_)
        return
    if dataset is not None:
        raise InputError(
            "says where a preset applies", where="--dataset", remedy="add --preset paper"
        )
    if json_:
        import dataclasses
        import json

        typer.echo(json.dumps(dataclasses.asdict(card), indent=1, default=dict))
        return
    _print_card(card)


@app.command("new")
def new_command(
    name: NewName,
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="METHOD", help="Begin with a copy of a built-in method."),
    ] = None,
    into: Into = None,
    package: Package = False,
) -> None:
    """Write the beginning of a method of your own: its card, its code and its test.

    What is written works as it stands. Files that exist are never overwritten.
    """
    from hashbench.plan import catalog

    write("method", name, catalog.built_in_methods(), into, package=package, origin=origin)


@app.command("check")
def check_command(what: What, json_: Json = False, data_dir: DataDir = DATA_DIR) -> None:
    """Try the contract of a method on small built-in data: a line for each check.

    It trains, its codes are the same after a stop, with other labels and in other batches, unknown
    labels do not stop it, and an encoder has no argument for labels. Exit code 1 where it fails.
    """
    from hashbench.testing.named import method_checks

    report(lambda folder: method_checks(what, folder, data_dir), as_json=json_)


def _print_card(card: MethodCard) -> None:
    from hashbench.plan import catalog

    typer.echo(f"{card.title} ({card.paper})\n{card.summary}")
    if source := catalog.source_of("method", card.name):
        typer.echo(f"a plug-in: {source}")
    typer.echo(f"It {card.traits}.\n" if card.traits else "")
    typer.echo("parameters, for --set name=value:")
    for param in card.params:
        published = "" if param.published is None else f" (published: {param.published})"
        typer.echo(
            f"  {param.name} = {param.default}{published}   {param.range}\n      {param.help}"
        )
    typer.echo("\nablations, for --ablate name:")
    for ablation in card.ablations:
        changes = ", ".join(f"{key}={value}" for key, value in ablation.settings.items())
        typer.echo(f"  {ablation.name}   {changes}\n      {ablation.help}")
    if card.paper_preset is not None:
        typer.echo(f"\nthe paper's values: hashbench methods show {card.name} --preset paper")


def _show_preset(
    card: MethodCard, preset: str, name: str | None, data_dir: Path, *, as_json: bool
) -> None:
    """What a preset gives, on one dataset or on all. Raises InputError for what it is not."""
    from hashbench.plan import catalog
    from hashbench.plan.run_options import options

    options()["preset"].check(preset)
    dataset = None if name is None else catalog.dataset(name, data_dir, where="--dataset")
    page = _preset_page(card, preset, dataset)
    if as_json:
        import json

        typer.echo(json.dumps(page, indent=1))
        return
    typer.echo(f"{card.title}, {preset} preset{f' on {name}' if name else ''}")
    typer.echo("the default on: " + (", ".join(page["datasets"]) or "built-in and other datasets"))
    for kind in ("options", "params"):
        typer.echo("\noptions:" if kind == "options" else "\nparameters:")
        for given in page[kind]:
            _print_given(given)
    for title, key in (("not known:", "unknown"), ("different all the same:", "departures")):
        if page[key]:
            typer.echo(f"\n{title}")
            for line in page[key]:
                typer.echo(f"  - {line}")


def _print_given(given: dict[str, Any]) -> None:
    from hashbench.plan import list_syntax

    value = given["value"]
    text = list_syntax.joined(value if isinstance(value, list) else [value]) or "none"
    where = f"   on {', '.join(given['datasets'])}" if given["datasets"] else ""
    typer.echo(f"  {given['key']} = {text}{where}\n      {given['source']}")


def _preset_page(card: MethodCard, preset: str, dataset: DatasetCard | None) -> dict[str, Any]:
    """The values of a preset as plain values. Raises InputError for a paper that gives none."""
    from hashbench.plan.preset import PAPER
    from hashbench.plan.preset_resolution import built_in_options, paper_preset

    page: dict[str, Any] = {"method": card.name, "preset": preset}
    if preset != PAPER:
        source = "suits the built-in data"
        options = [_plain(key, value, source) for key, value in built_in_options().items()]
        params = [_plain(param.name, param.default, source) for param in card.params]
        return page | {"datasets": [], "options": options, "params": params} | _NOTHING_KNOWN
    paper = paper_preset(card)
    for kind, values in (("options", paper.options), ("params", paper.params)):
        page[kind] = [
            _plain(given.key, given.value, given.source, given.datasets)
            for given in values
            if dataset is None or given.is_for(dataset.name)
        ]
    return page | {
        "datasets": list(paper.datasets),
        "unknown": list(paper.unknown),
        "departures": list(paper.departures),
    }


_NOTHING_KNOWN: dict[str, list[str]] = {"unknown": [], "departures": []}


def _plain(key: str, value: Any, source: str, datasets: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "key": key,
        "value": list(value) if isinstance(value, tuple) else value,
        "source": source,
        "datasets": list(datasets),
    }
