"""Checks of splits: which of the known ones fit, and that no item is on two sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hashbench.datasets.base import Dataset
from hashbench.datasets.doctor.findings import Finding, Level
from hashbench.datasets.named_splits import choose, read_split
from hashbench.datasets.splits import Split
from hashbench.errors import InputError
from hashbench.plan import released_splits
from hashbench.plan.card import DatasetCard, SplitSizes


def fitting_splits(dataset: Dataset, card: DatasetCard | None, name: str) -> list[Split]:
    """Our own split, and those that releases drew over this dataset, where they fit.

    Without a card, or where its sizes do not fit, ours takes a tenth for queries and half of the
    rest for training.
    """
    tenth = max(1, len(dataset) // 10)
    wanted = {released_splits.OWN: SplitSizes(tenth, max(2, (len(dataset) - tenth) // 2))}
    if card is not None:
        sizes = released_splits.sizes(released_splits.OWN, card, name)
        if sizes.query + sizes.train <= len(dataset):
            wanted[released_splits.OWN] = sizes
        for split in released_splits.SPLITS.values():
            sizes = released_splits.sizes(split.name, card, name)
            released = card.name == "packaged" or bool({card.name, name} & split.sizes.keys())
            if released and sizes.query + sizes.train <= len(dataset):
                wanted[split.name] = sizes
    splits = []
    for which, sizes in wanted.items():
        try:
            splits.append(choose(dataset, which, sizes.query, sizes.train, seed=0))
        except InputError:
            continue  # too few of the items may be queries
    return splits


def check_splits(dataset: Dataset, splits: list[Split]) -> Iterator[Finding]:
    """Findings about splits, which are disjoint or could not have been made."""
    if not splits:
        yield Finding(
            "splits",
            Level.PROBLEM,
            f"{len(dataset):,} items cannot be split into queries and training items",
            "a dataset of at least three items",
        )
        return
    shown = ", ".join(
        f"{split.name} {len(split.query):,} / {len(split.train):,} / {len(split.database):,}"
        for split in splits
    )
    neither = {
        split.name: rest
        for split in splits
        if (rest := len(dataset) - len(split.query) - len(split.database))
    }
    left = "".join(
        f"; {rest:,} items are in neither part of {name}" for name, rest in neither.items()
    )
    yield Finding(
        "splits",
        Level.NOTE if neither else Level.OK,
        f"query and database are disjoint (queries / training / database): {shown}{left}",
        facts={split.name: split.sizes() | {"hash": split.hash} for split in splits},
    )


def split_in_file(dataset: Dataset, file: Path) -> Split | Finding:
    """The split in a file, or what is wrong with it."""
    try:
        return read_split(file, dataset)
    except InputError as error:
        where = f"{error.where}: " if error.where else ""
        message = f"{where}{error.problem}"
        return Finding("split file", Level.PROBLEM, message, error.remedy or "")
