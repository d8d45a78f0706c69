"""Checks of splits: which of the known ones fit, that they are large enough and do not overlap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hashbench.datasets.base import Dataset
from hashbench.datasets.doctor.findings import Finding, Level, first_few
from hashbench.datasets.left_out import plural
from hashbench.datasets.named_splits import choose, read_split
from hashbench.datasets.splits import Split, default_sizes
from hashbench.errors import InputError
from hashbench.plan import released_splits
from hashbench.plan.card import DatasetCard

FEWEST_QUERIES = 50
"""Average precision differs by about 0.3 from query to query, so that the mean over fewer queries
has a standard error of more than four points: no two methods can be distinguished."""

FEWEST_TRAINING = 50
"""One training item in ten is a validation query: fewer than five cannot choose an epoch."""

FEWEST_DATABASE = 100
"""In a smaller database one item more or less moves the precision at its top by a point."""


def fitting_splits(dataset: Dataset, card: DatasetCard | None, name: str) -> list[Split]:
    """The own split as a run draws it, and those that releases drew, where they fit.

    Without a card the sizes are `default_sizes`. Splits that cannot be drawn are left out.
    """
    own = default_sizes(dataset) if card is None else card.sizes[name]
    wanted = {released_splits.OWN: own}
    for entry in () if card is None else card.splits:
        if card is not None and released_splits.declared(entry.name, card, name) is entry:
            sizes = released_splits.sizes(entry.name, card, name)
            # a released split with other sizes is no released split
            if sizes.query + sizes.train <= len(dataset):
                wanted[entry.name] = sizes
    splits = []
    for which, sizes in wanted.items():
        try:
            splits.append(
                choose(dataset, which, sizes.query, sizes.train, seed=0, usual_sizes=True)
            )
        except InputError:
            continue  # too few of the items may be queries
    return splits


def check_splits(dataset: Dataset, splits: list[Split]) -> Iterator[Finding]:
    """Findings about splits, which are disjoint or could not have been made."""
    if not splits:
        yield Finding(
            "splits",
            Level.PROBLEM,
            f"{plural(len(dataset), 'item')} cannot be split into queries and training items",
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
    unused = "".join(
        f"; neither part of {name} holds {plural(rest, 'item')}" for name, rest in neither.items()
    )
    yield Finding(
        "splits",
        Level.NOTE if neither else Level.OK,
        f"query and database are disjoint (queries / training / database): {shown}{unused}",
        facts={split.name: split.sizes() | {"hash": split.hash} for split in splits},
    )
    yield from _check_sizes(splits)


def _check_sizes(splits: list[Split]) -> Iterator[Finding]:
    """What is too small for results that mean something."""
    limits = (
        ("queries", "query", FEWEST_QUERIES, "the mean over them is off by points of mAP"),
        ("training items", "train", FEWEST_TRAINING, "too few validation queries choose the epoch"),
        ("database items", "database", FEWEST_DATABASE, "one item moves a precision by a point"),
    )
    for what, part, fewest, reason in limits:
        small = {
            split.name: size for split in splits if (size := len(getattr(split, part))) < fewest
        }
        if small:
            listed = first_few([f"{size:,} in {name}" for name, size in small.items()])
            yield Finding(
                f"number of {what}",
                Level.WARNING,
                f"fewer than {fewest} {what} ({listed}): {reason}",
                "more items, or other --query-size and --train-size",
                {"fewest": fewest, **small},
            )


def split_in_file(dataset: Dataset, file: Path) -> Split | Finding:
    """The split in a file, or what is wrong with it."""
    try:
        return read_split(file, dataset)
    except InputError as error:
        where = f"{error.where}: " if error.where else ""
        message = f"{where}{error.problem}"
        return Finding("split file", Level.PROBLEM, message, error.remedy or "")
