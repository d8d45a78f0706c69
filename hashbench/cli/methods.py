"""`hashbench methods`: what can be run, with every parameter and ablation."""

from __future__ import annotations

from typing import Annotated

import typer

from hashbench.cli.options import Json

app = typer.Typer(
    help="Methods: list them, show one.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("list")
def list_command(json_: Json = False) -> None:
    """List all methods."""
    from hashbench.plan import catalog

    cards = catalog.methods()
    if json_:
        import json

        plain = [{"name": c.name, "title": c.title, "paper": c.paper} for c in cards.values()]
        typer.echo(json.dumps(plain, indent=1))
        return
    for card in cards.values():
        typer.echo(f"{card.name:<12} {card.summary}")


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A method, as `methods list` names it.")],
    json_: Json = False,
) -> None:
    """Show a method's parameters (for --set) and ablations (for --ablate)."""
    from hashbench.plan import catalog

    card = catalog.method(name, where="methods show")
    if json_:
        import dataclasses
        import json

        typer.echo(json.dumps(dataclasses.asdict(card), indent=1, default=dict))
        return
    typer.echo(f"{card.title} ({card.paper})\n{card.summary}")
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
