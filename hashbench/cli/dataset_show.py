"""`hashbench datasets show`: the facts of a dataset under one split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hashbench.cli.dataset_options import (
    Name,
    QuerySize,
    SplitName,
    SplitSeed,
    TrainSize,
    draw_split,
    load_dataset,
)
from hashbench.cli.options import DATA_DIR, DataDir, Json

if TYPE_CHECKING:
    from hashbench.datasets.base import Dataset
    from hashbench.datasets.pair_shares import Incompleteness
    from hashbench.datasets.splits import Split
    from hashbench.datasets.statistics import DatasetFacts


def show_command(
    name: Name,
    split: SplitName = "own",
    split_seed: SplitSeed = 0,
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
    from hashbench.backbones.token_count import count_tokens
    from hashbench.datasets.availability import missing
    from hashbench.datasets.pair_shares import incompleteness
    from hashbench.datasets.statistics import dataset_facts
    from hashbench.files.paths import cache_note

    dataset, card = load_dataset(name, data_dir)
    remarks = (*dataset.notes, missing(card, data_dir, name), cache_note(data_dir))
    notes = [remark for remark in remarks if remark is not None]
    drawn = draw_split(dataset, card, name, split, query_size, train_size, split_seed)
    # feature sets have no captions to count tokens of
    counter = count_tokens if tokens and dataset.features is None else None
    facts = dataset_facts(dataset, drawn.query, drawn.database, counter)
    hidden = (
        None
        if known_ratio is None
        else incompleteness(dataset.labels[drawn.train], known_ratio, seed)
    )
    if json_:
        _print_json(name, dataset, notes, drawn, facts, hidden)
    else:
        _print_lines(f"{card.title} ({name})", dataset, notes, drawn, facts, hidden)


def _print_json(
    name: str,
    dataset: Dataset,
    notes: list[str],
    split: Split,
    facts: DatasetFacts,
    hidden: Incompleteness | None,
) -> None:
    import json
    from dataclasses import asdict

    content = {
        "name": name,
        "fingerprint": dataset.fingerprint,
        "notes": notes,
        "split": {"name": split.name, "hash": split.hash, **split.sizes()},
        **asdict(facts),
        "class_counts": dict(facts.class_counts),
        **({} if hidden is None else {"incomplete": asdict(hidden)}),
    }
    typer.echo(json.dumps(content, indent=1))


def _print_lines(
    title: str,
    dataset: Dataset,
    notes: list[str],
    split: Split,
    facts: DatasetFacts,
    hidden: Incompleteness | None,
) -> None:
    from hashbench.cli.progress import print_entry
    from hashbench.report.incomplete_labels import incomplete_lines
    from hashbench.report.text import plain

    lines = {
        "dataset": f"{title}, fingerprint {dataset.fingerprint}",
        "items": f"{facts.items:,}, {facts.labels_per_item:.2f} labels and"
        f" {facts.captions_per_item:.1f} captions each",
        "split": f"{split.name} {split.hash}: {len(split.query):,} queries,"
        f" {len(split.database):,} database items, {len(split.train_fit):,} fitted,"
        f" {len(split.validation):,} validation queries",
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
        lines |= incomplete_lines(hidden)
    for key, text in lines.items():
        print_entry(f"{key:<11}", plain(text))
    for note in notes:
        print_entry(f"{'note':<11}", plain(note))
