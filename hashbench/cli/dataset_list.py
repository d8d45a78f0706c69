"""`hashbench datasets list`: every dataset, and whether its files are present."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hashbench.cli.options import DATA_DIR, DataDir, Json

if TYPE_CHECKING:
    from hashbench.plan.card import DatasetCard


def list_command(json_: Json = False, data_dir: DataDir = DATA_DIR) -> None:
    """List datasets: the built-in one, those that can be downloaded, and your own."""
    from hashbench.datasets.availability import missing
    from hashbench.plan import catalog
    from hashbench.report.text import plain

    cards, damaged = _cards(data_dir)
    lines: list[dict[str, object]] = [
        {
            "name": name,
            "title": card.title,
            "summary": card.summary,
            "queries": card.sizes[name].query,
            "training": card.sizes[name].train,
            "missing": missing(card, data_dir, name),
            "layout": card.layout,
            "plugin": catalog.source_of("dataset", name),
        }
        for name, card in cards.items()
    ]
    if json_:
        import json

        typer.echo(
            json.dumps([line | {"available": not line["missing"]} for line in lines], indent=1)
        )
    else:
        _print_table(lines, cards)
    for problem in [*catalog.left_out("dataset"), *damaged]:
        typer.echo(f"left out: {plain(problem)}", err=True)


def _cards(data_dir: Path) -> tuple[dict[str, DatasetCard], list[str]]:
    """Every dataset by name, and what is wrong with registrations that cannot be read."""
    from hashbench.errors import DamagedFileError
    from hashbench.plan import catalog, custom_registry

    cards, damaged = dict(catalog.datasets()), []
    for name, path in custom_registry.names(data_dir).items():
        try:
            cards[name] = custom_registry.card(path)
        except DamagedFileError as error:
            damaged.append(str(error))
    return cards, damaged


def _print_table(lines: list[dict[str, object]], cards: Mapping[str, DatasetCard]) -> None:
    from rich.table import Table

    from hashbench.cli.console import console
    from hashbench.report.text import plain

    table = Table(box=None, pad_edge=False)
    for header in ("name", "files", "queries", "training", "what it is"):
        right = header in {"queries", "training"}
        table.add_column(header, justify="right" if right else "left", overflow="fold")
    for line in lines:
        files = "-" if line["missing"] else "yes"
        sizes = (f"{line['queries']:,}", f"{line['training']:,}")
        table.add_row(str(line["name"]), files, *sizes, plain(_summary(line, cards)))
    console().print(table)
    typer.echo("`hashbench datasets show NAME` says which files a dataset lacks and where they go.")


def _summary(line: Mapping[str, object], cards: Mapping[str, DatasetCard]) -> object:
    """The summary of a dataset; of a variant, what makes it one."""
    card = cards[str(line["name"])]
    preset = card.presets.get(str(line["name"]))
    if not preset:
        return line["summary"]
    return f"{card.name} with " + ", ".join(f"{key}={value}" for key, value in preset.items())
