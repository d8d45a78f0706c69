"""`hashbench datasets`: the commands that list, show, check, split and register datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.dataset_check import check_command
from hashbench.cli.dataset_list import list_command
from hashbench.cli.dataset_registry import QuerySize, TrainSize, add_command, rm_command
from hashbench.cli.options import DATA_DIR, DataDir, Json

if TYPE_CHECKING:
    from hashbench.datasets.base import Dataset
    from hashbench.datasets.splits import Split
    from hashbench.plan.card import DatasetCard

app = typer.Typer(
    help="Datasets: list, show, preview, check, split, add and remove your own.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

app.command("list")(list_command)
app.command("check")(check_command)
app.command("add")(add_command)
app.command("rm")(rm_command)

Name = Annotated[str, typer.Argument(help="Name, as `hashbench datasets list` prints.")]
SplitName = Annotated[
    str, typer.Option("--split", help="own, a name such as prompthash or pcril, or FILE.json.")
]


@app.command("show")
def show_command(
    name: Name,
    split: SplitName = "own",
    query_size: QuerySize = None,
    train_size: TrainSize = None,
    tokens: Annotated[bool, typer.Option(help="Count the tokens of all captions.")] = True,
    known_ratio: Annotated[
        float | None,
        typer.Option("--known-ratio", help="What this share of known training labels leaves."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which labels are hidden.")] = 0,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Show a dataset's facts: items, classes, share of relevant pairs, captions, split."""
    from dataclasses import asdict

    from hashbench.backbones.token_count import count_tokens
    from hashbench.datasets.availability import missing
    from hashbench.datasets.pair_shares import incompleteness
    from hashbench.datasets.statistics import dataset_facts
    from hashbench.files.paths import cache_note

    dataset, card = _load(name, data_dir)
    notes = [*dataset.notes, missing(card, data_dir, name), cache_note(data_dir)]
    chosen = _split(dataset, card, name, split, query_size, train_size)
    counter = count_tokens if tokens and dataset.features is None else None
    facts = dataset_facts(dataset, chosen.query, chosen.database, counter)
    hidden = (
        None
        if known_ratio is None
        else incompleteness(dataset.labels[chosen.train], known_ratio, seed)
    )
    if json_:
        _print_json(
            {
                "name": name,
                "fingerprint": dataset.fingerprint,
                "notes": [note for note in notes if note],
                "split": {"name": chosen.name, "hash": chosen.hash, **chosen.sizes()},
                **asdict(facts),
                "class_counts": dict(facts.class_counts),
                **({} if hidden is None else {"incomplete": asdict(hidden)}),
            }
        )
        return
    from hashbench.report.text import plain

    sizes = ", ".join(f"{size:,} {part}" for part, size in chosen.sizes().items())
    lines = {
        "dataset": f"{card.title} ({name}), fingerprint {dataset.fingerprint}",
        "items": f"{facts.items:,}, {facts.labels_per_item:.2f} labels and"
        f" {facts.captions_per_item:.1f} captions each",
        "split": f"{chosen.name} {chosen.hash}: {sizes}",
        "relevant": f"{facts.relevant_share:.1%} of all (query, database) pairs"
        + (
            ""
            if facts.random_floor is None
            else f"; random codes score a mAP@all of {facts.random_floor:.4f}"
        ),
        "labels": f"{facts.classes} classes, {facts.label_density:.1%} positive,"
        f" {facts.label_sets:,} different label sets, {facts.unlabelled:,} items without any",
    }
    if facts.cut_share is not None:
        lines["captions"] = f"{facts.cut_share:.1%} are longer than CLIP's 77 tokens and are cut"
    if dataset.features is not None:
        shapes = " and ".join(str(part.shape[1]) for part in dataset.features)
        lines["features"] = f"{shapes} numbers an image and a text, precomputed"
    lines["classes"] = ", ".join(f"{name} {count:,}" for name, count in facts.class_counts)
    if hidden is not None:
        from hashbench.report.incomplete import incomplete_lines

        lines |= incomplete_lines(hidden)
    from hashbench.cli.progress import beside

    for key, text in lines.items():
        beside(f"{key:<11}", plain(text))
    for note in filter(None, notes):
        beside(f"{'note':<11}", plain(note))


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

    dataset, _card = _load(name, data_dir)
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
    split_seed: Annotated[int, typer.Option("--split-seed", min=0)] = 0,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Write a split as a file of item ids, to be given to `--split` later."""
    from hashbench.datasets.named_splits import write_split
    from hashbench.errors import InputError
    from hashbench.plan.released_splits import FILE_SUFFIX

    if out.suffix != FILE_SUFFIX:
        raise InputError(f"does not end in {FILE_SUFFIX}", where=f"--out {out}")
    dataset, card = _load(name, data_dir)
    chosen = _split(dataset, card, name, split, query_size, train_size, split_seed)
    write_split(out, chosen, dataset)
    typer.echo(f"wrote {out}: {chosen.name} {chosen.hash}")


def _load(name: str, data_dir: Path) -> tuple[Dataset, DatasetCard]:
    """The dataset and its card. Raises InputError naming the missing files."""
    from hashbench.datasets.availability import missing
    from hashbench.errors import InputError
    from hashbench.plan import catalog

    card = catalog.dataset(name, data_dir, where="datasets")
    if absent := missing(card, data_dir, name, pictures=False):
        raise InputError(absent, remedy=f"the files go into {card.layout}" if card.layout else None)
    return catalog.load(card.entry)(data_dir, card.values(name)), card


def _split(
    dataset: Dataset,
    card: DatasetCard,
    name: str,
    split: str,
    query_size: int | None,
    train_size: int | None,
    seed: int = 0,
) -> Split:
    """The split of that name, as a run draws it."""
    from hashbench.datasets.named_splits import choose
    from hashbench.plan import released_splits

    sizes = released_splits.sizes(split, card, name)
    query, train = query_size or sizes.query, train_size or sizes.train
    usual_sizes = query_size is None and train_size is None
    return choose(dataset, split, query, train, seed, usual_sizes=usual_sizes)


def _print_json(content: object) -> None:
    import json

    typer.echo(json.dumps(content, indent=1))
