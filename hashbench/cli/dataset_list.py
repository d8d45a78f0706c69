"""`hashbench datasets list`: which datasets there are, and which of them have their files here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from hashbench.cli.options import DATA_DIR, DataDir, Json

if TYPE_CHECKING:
    from hashbench.plan.card import DatasetCard


def list_command(json_: Json = False, data_dir: DataDir = DATA_DIR) -> None:
    """List datasets: the built-in one, those that can be put in, and your own."""
    from hashbench.plan import catalog, custom_registry

    cards = {name: catalog.dataset(name) for name in catalog.datasets()}
    cards |= {
        name: custom_registry.card(path) for name, path in custom_registry.names(data_dir).items()
    }
    here = {_folded(path.name) for path in data_dir.glob("*/")}
    lines: list[dict[str, object]] = [
        {
            "name": name,
            "title": card.title,
            "summary": card.summary,
            "queries": card.sizes[name].query,
            "training": card.sizes[name].train,
            "there": card.builtin or bool({_folded(name), _folded(card.name)} & here),
            "layout": card.layout,
        }
        for name, card in cards.items()
    ]
    if json_:
        import json

        typer.echo(json.dumps(lines, indent=1))
        return
    from rich.table import Table

    from hashbench.cli.console import console
    from hashbench.report.text import plain

    table = Table(box=None, pad_edge=False)
    for header in ("name", "there", "queries", "training", "what it is"):
        right = header in {"queries", "training"}
        table.add_column(header, justify="right" if right else "left", overflow="fold")
    for line in lines:
        there = "yes" if line["there"] else "-"
        sizes = (f"{line['queries']:,}", f"{line['training']:,}")
        table.add_row(str(line["name"]), there, *sizes, plain(_what(line, cards)))
    console().print(table)
    typer.echo("`hashbench datasets show NAME` says where the files of a dataset go.")


def _folded(name: str) -> str:
    """A name as folders may spell it: NUS-WIDE is nuswide."""
    return name.lower().replace("-", "").replace("_", "")


def _what(line: dict[str, object], cards: Mapping[str, DatasetCard]) -> object:
    """The summary of a dataset; of a variant, what makes it one."""
    card = cards[str(line["name"])]
    preset = card.presets.get(str(line["name"]))
    if not preset:
        return line["summary"]
    return f"{card.name} with " + ", ".join(f"{key}={value}" for key, value in preset.items())
