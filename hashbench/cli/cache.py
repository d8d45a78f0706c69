"""`hashbench cache ls|build|rm`: the features that backbones computed."""

from __future__ import annotations

from typing import Annotated

import typer

from hashbench.cli.cache_build import build_command
from hashbench.cli.options import DATA_DIR, DataDir, Json

app = typer.Typer(
    help="Cached features: list, build and remove.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("ls")
def ls_command(json_: Json = False, data_dir: DataDir = DATA_DIR) -> None:
    """List cached features with their size; unfinished ones go on with the run that made them."""
    from rich.filesize import decimal

    from hashbench.backbones import cache_entries
    from hashbench.files.paths import cache_root

    root = cache_root(data_dir)
    entries = cache_entries.entries(root)
    if json_:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps([asdict(entry) for entry in entries], indent=1))
        return
    for entry in entries:
        unfinished = "" if entry.finished else "  (unfinished)"
        typer.echo(f"{decimal(entry.bytes):>9}  {entry.name}{unfinished}")
    typer.echo(
        f"{decimal(sum(entry.bytes for entry in entries)):>9}  {len(entries)} entries in {root}"
    )


app.command("build")(build_command)


@app.command("rm")
def rm_command(
    names: Annotated[list[str] | None, typer.Argument(help="Names as `cache ls` prints.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove all of them.")] = False,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Remove cached features; they are computed anew when needed."""
    from rich.filesize import decimal

    from hashbench.backbones import cache_entries
    from hashbench.errors import InputError
    from hashbench.files.paths import cache_root

    if bool(names) == everything:
        raise InputError("name entries, or give --all", remedy="`hashbench cache ls` lists them")
    root = cache_root(data_dir)
    wanted = [entry.name for entry in cache_entries.entries(root)] if everything else names or []
    freed = cache_entries.remove(root, wanted)
    typer.echo(f"removed {len(wanted)} entries, {decimal(freed)}")
