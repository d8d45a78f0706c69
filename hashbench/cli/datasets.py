"""`hashbench datasets`: the commands that list, show, check, split and register datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashbench.cli.dataset_check import check_command
from hashbench.cli.dataset_list import list_command
from hashbench.cli.dataset_options import (
    Name,
    QuerySize,
    SplitName,
    SplitSeed,
    TrainSize,
    draw_split,
    load_dataset,
)
from hashbench.cli.dataset_registry import add_command, new_command, rm_command
from hashbench.cli.dataset_show import show_command
from hashbench.cli.options import DATA_DIR, DataDir

app = typer.Typer(
    help="Datasets: list, show, preview, check, split, add or write your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

app.command("list")(list_command)
app.command("show")(show_command)
app.command("check")(check_command)
app.command("add")(add_command)
app.command("new")(new_command)
app.command("rm")(rm_command)


@app.command("preview")
def preview_command(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("--out", help="PNG file; NAME.png if not given.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which items are drawn.")] = 0,
    columns: Annotated[int, typer.Option("--columns", min=1, max=20)] = 6,
    rows: Annotated[int, typer.Option("--rows", min=1, max=50)] = 4,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Write a contact sheet: some pictures with their labels and first captions."""
    from hashbench.datasets.preview import contact_sheet
    from hashbench.errors import InputError

    dataset, _card = load_dataset(name, data_dir)
    sheet = contact_sheet(dataset, columns=columns, rows=rows, seed=seed)
    path = out or Path(f"{name}.png")
    try:
        sheet.save(path, "PNG")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=path) from None
    typer.echo(f"wrote {path}")


@app.command("split")
def split_command(
    name: Name,
    out: Annotated[Path, typer.Option("--out", help="File to write, ending in .json.")],
    split: SplitName = "own",
    query_size: QuerySize = None,
    train_size: TrainSize = None,
    split_seed: SplitSeed = 0,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Write a split as a file of item ids, to be given to `--split` later."""
    from hashbench.datasets.named_splits import write_split
    from hashbench.errors import InputError
    from hashbench.plan.released_splits import FILE_SUFFIX

    if out.suffix != FILE_SUFFIX:
        raise InputError(f"does not end in {FILE_SUFFIX}", where=f"--out {out}")
    dataset, card = load_dataset(name, data_dir)
    chosen = draw_split(dataset, card, name, split, query_size, train_size, split_seed)
    write_split(out, chosen, dataset)
    typer.echo(f"wrote {out}: {chosen.name} {chosen.hash}")
