"""`hashbench import`: codes of another program as a row among runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli import evaluate
from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, Json, RunsDir

if TYPE_CHECKING:
    from hashbench.engine.code_import import Imported
    from hashbench.plan.spec import DatasetSpec

_STATED = "as you state it; hashbench cannot check it"


def import_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            help=".mat or .npz files of one method and seed, one for each bit length, or a folder "
            "of hashbench's own.",
            show_default=False,
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="What the row is called, such as Ours.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="The dataset that the items are of.")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="RUN", help="The same dataset and split as this run."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", "-s", min=0, help="Imports of several seeds make one row.")
    ] = 0,
    method_of: Annotated[
        str, typer.Option("--method-of", help="Whose method it is: a paper, a person.")
    ] = "",
    split: Annotated[str | None, typer.Option("--split", help="As in `hashbench run`.")] = None,
    split_seed: Annotated[int, typer.Option("--split-seed", min=0, help="Of our own split.")] = 0,
    query_size: Annotated[
        int | None, typer.Option("--query-size", min=1, help="Queries, where not the usual number.")
    ] = None,
    train_size: Annotated[
        int | None,
        typer.Option("--train-size", min=2, help="Training items, as the runs beside it have."),
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", help=f"strict or published, {_STATED}.")
    ] = "",
    select: Annotated[
        str, typer.Option("--select", help=f"What chose the epoch, validation or test, {_STATED}.")
    ] = "",
    backbone: Annotated[
        str, typer.Option("--backbone", help=f"The encoders below the codes, {_STATED}.")
    ] = "",
    labels: evaluate.Labels = "",
    query_labels: evaluate.QueryLabels = "",
    database_labels: evaluate.DatabaseLabels = "",
    query: evaluate.Query = "",
    database: evaluate.Database = "",
    layout: evaluate.Layout = "",
    direction: evaluate.Direction = None,
    bits: evaluate.Bits = None,
    zero: evaluate.Zero = "refuse",
    packed: evaluate.Packed = "",
    items: evaluate.Items = "",
    labels_as: evaluate.LabelsAs = "",
    binarize: evaluate.Binarize = "",
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Make a row of another program's codes, which compare, reports and the workbench show.

    The items must be those of the dataset's split: by their ids where the file has them, else by
    their labels, whatever the order of classes. The first that is not is named. Rows are marked as
    imported, since their protocol, backbone and choice of the epoch are known by statement alone.
    """
    from hashbench.engine.code_import import Statement, import_codes
    from hashbench.plan.spec import NOT_STATED

    # what nobody can check is kept apart from what decides whether the items are the split's
    statement = Statement(
        name=name,
        seed=seed,
        method_of=method_of,
        protocol=_stated(protocol, "--protocol", ("strict", "published")) or NOT_STATED,
        select=_stated(select, "--select", ("validation", "test")) or NOT_STATED,
        backbone=backbone or NOT_STATED,
    )
    options = evaluate.read_options(
        layout=layout, query=query, database=database, labels=labels, query_labels=query_labels,
        database_labels=database_labels, direction=direction, bits=bits, zero=zero, packed=packed,
        items=items, labels_as=labels_as, binarize=binarize,
    )  # fmt: skip
    sizes = {"query_size": query_size, "train_size": train_size}
    asked = {"split": split, "split_seed": split_seed or None, **sizes}
    given = {key: value for key, value in asked.items() if value is not None}
    imported = import_codes(
        files,
        statement,
        _dataset(dataset, like, given, data_dir, runs_dir),
        runs_dir=runs_dir,
        data_dir=data_dir,
        options=options,
    )
    _print(imported, as_json=json_)


def _stated(value: str, option: str, valid: tuple[str, ...]) -> str:
    from hashbench.errors import UnknownNameError

    if value and value not in valid:
        raise UnknownNameError(option.strip("-"), value, valid, where=option)
    return value


def _dataset(
    dataset: str | None,
    like: str | None,
    given: Mapping[str, object],
    data_dir: Path,
    runs_dir: Path,
) -> DatasetSpec:
    """The items that the options name. Raises InputError where they name none, or contradict."""
    from hashbench.errors import InputError
    from hashbench.plan import spec as specs
    from hashbench.plan.request import expand
    from hashbench.plan.run_options import Request
    from hashbench.runs.layout import pick

    if like is not None:
        if dataset or given:
            raise InputError(
                "has a dataset and a split of its own",
                where=f"--like {like}",
                remedy="either --like, or --dataset with the options of its split",
            )
        return specs.read(pick(runs_dir, like).spec).dataset
    if dataset is None:
        raise InputError(
            "nothing says which items the codes are of",
            where="--dataset",
            remedy="--dataset NAME, or --like RUN for the dataset and split of a run",
        )
    values = {"method": "lsh", "dataset": dataset, **given}  # a method without needs of its own
    return expand(Request(**values), data_dir)[0].dataset  # type: ignore[arg-type]


def _print(imported: Imported, *, as_json: bool) -> None:
    import json

    run = imported.run.id
    if as_json:
        page = {"run": run, "matched_by": imported.how, "scores": imported.scores}
        typer.echo(json.dumps(page, indent=1))
        return
    typer.echo(f"{run}: items matched by {imported.how}")
    for bits, by_direction in imported.scores.items():
        maps = [f"{name} {metrics['mAP@all']:.4f}" for name, metrics in by_direction.items()]
        typer.echo(f"  {bits} bits, mAP@all: {', '.join(maps)}")
    typer.echo("  `hashbench compare` shows it among the runs of its split")
