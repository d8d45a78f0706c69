"""`hashbench datasets add|rm|new`: datasets of your own, registered, or loaded by your own code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from hashbench.cli.dataset_options import QuerySize, TrainSize
from hashbench.cli.new import Into, NewName, Package, write
from hashbench.cli.options import DATA_DIR, DataDir


def add_command(
    name: Annotated[str, typer.Argument(help="Name of the new dataset, such as `birds`.")],
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the pictures.", file_okay=False)
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table",
            help="CSV, TSV or JSON lines: file (relative to --images), caption (also caption1,"
            " caption2, ...), labels separated by ; | or commas.",
            dir_okay=False,
        ),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            "--features", help="A .mat or .npz file of features, instead.", dir_okay=False
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="What tables call it.")] = "",
    query_size: QuerySize = None,
    train_size: TrainSize = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a registered one.")] = False,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Register pictures with a table (or a file of features) as a dataset of that name."""
    from hashbench.datasets import custom
    from hashbench.errors import InputError
    from hashbench.plan.custom_registry import Registration
    from hashbench.report.text import plain

    # pictures with a table, or features: one of the two, and all of it
    if (features is None) == (images is None and table is None):
        raise InputError(
            "give either --images and --table, or --features", where="hashbench datasets add"
        )
    if features is None and (images is None or table is None):
        missing = "--images" if images is None else "--table"
        raise InputError(f"{missing} is missing", where="hashbench datasets add")
    # absolute paths: the registration must not depend on where it was typed
    registration = Registration(
        kind="table" if features is None else "features",
        title=title or name,
        query=query_size or 0,
        train=train_size or 0,
        images=str(images.resolve()) if images else "",
        table=str(table.resolve()) if table else "",
        file=str(features.resolve()) if features else "",
    )
    dataset, path = custom.register(
        data_dir, name, registration, overwrite=replace, where="datasets add"
    )
    for note in dataset.notes:
        typer.echo(f"note: {plain(note)}")
    typer.echo(
        f"registered {name}: {len(dataset):,} items, {len(dataset.class_names)} classes ({path});"
        f" hashbench run --dataset {name} uses it"
    )


def new_command(name: NewName, into: Into = None, package: Package = False) -> None:
    """Write the beginning of a loader of your own, for files of any kind, and its test.

    `datasets add` needs no code where a table lists the pictures. What is written works as it
    stands. Files that exist are never overwritten.
    """
    from hashbench.plan import catalog

    write("dataset", name, catalog.built_in_datasets(), into, package=package)


def rm_command(
    name: Annotated[str, typer.Argument(help="Name of a dataset that `datasets add` registered.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Remove the registration of a dataset of your own; its pictures and table stay."""
    from hashbench.datasets import custom
    from hashbench.errors import InputError

    where = "datasets rm"
    path = custom.registration_file(data_dir, name, where=where)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(
                "needs a confirmation, and there is no terminal to ask in",
                where=where,
                remedy="add --yes",
            )
        question = f"Remove {path}? Pictures and table stay; runs of {name} cannot be resumed."
        if not typer.confirm(question):
            raise typer.Exit(1)
    custom.unregister(path)
    typer.echo(f"removed the registration {path}; the files it named stay where they are")
