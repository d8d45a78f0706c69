"""Splits by name or from a file, for a dataset: our own, those of the field, a person's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from hashbench.datasets.base import Dataset, IntArray
from hashbench.datasets.splits import (
    Split,
    fold_split,
    held_out_size,
    make_split,
    own_split,
    sizes_that_fit,
)
from hashbench.errors import DamagedFileError, InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.files.bounded_read import read_bounded
from hashbench.plan import catalog, released_splits

MAX_BYTES = 1 << 28
"""A million ids take 30 MB."""


def choose(
    dataset: Dataset, name: str, query: int, train: int, seed: int, *, usual_sizes: bool = False
) -> Split:
    """The split of that name: `own`, a released one, or a split file.

    `query` and `train` are the sizes (a split file has its own), which shrink in a dataset that is
    smaller than usual if they are `usual_sizes` that nobody asked for; `seed` draws our own split,
    and the validation queries of the others. Raises InputError where the dataset is too small,
    UnknownNameError for a name that is none.
    """
    if usual_sizes:
        query, train = sizes_that_fit(dataset, query, train)
    if name == released_splits.OWN:
        return own_split(dataset, query, train, seed)
    if released_splits.is_file(name):
        return read_split(Path(name), dataset, seed)
    released_splits.check(name, where="--split")
    return released_split(dataset, name, query, train, seed)


def choose_fold(
    dataset: Dataset, fold: int, folds: int, train: int, seed: int, *, usual_sizes: bool = False
) -> Split:
    """The split of cross-validation whose queries are that fold; sizes as `choose` takes them.

    Raises InputError where the dataset cannot be divided.
    """
    if usual_sizes:
        _, train = sizes_that_fit(dataset, -(-len(dataset) // folds), train)
    return fold_split(dataset, fold, folds, train, seed)


def released_split(dataset: Dataset, name: str, query: int, train: int, seed: int) -> Split:
    """The split that a released code draws over the items of `dataset`.

    The released draw is over positions, so it is the released split where the dataset lists its
    items as the release does: for packaged files always. Raises InputError when too small, or when
    only other datasets have that split.
    """
    card = catalog.find_dataset(dataset.name)
    entry = None if card is None else released_splits.declared(name, card, dataset.name)
    rule = released_splits.RULES.get(name) if entry is None or entry.rule is None else entry.rule
    if rule is None:
        raise InputError(f"{dataset.name} has no split {name}", where="--split")
    total = len(dataset)
    if query < 1 or train < 2 or query + train > total:
        raise InputError(
            f"{query:,} queries and {train:,} training items do not fit into {total:,} items",
            where=f"{dataset.name}, --split {name}",
            remedy="smaller --query-size and --train-size",
        )
    generator = np.random.RandomState(rule.seed)  # the generator that they used
    for _ in range(rule.discarded):
        generator.permutation(total)
    order = np.arange(total, dtype=np.int64)
    if entry is not None and dataset.name in entry.in_text_order:
        order = np.array(sorted(range(total), key=lambda i: dataset.ids[i]), dtype=np.int64)
    drawn = order[generator.permutation(total)]
    if rule.queries_last:
        queries, rest = drawn[total - query :], drawn[: total - query]
    else:
        queries, rest = drawn[:query], drawn[query:]
    train_fit, validation = _hold_out(rest[:train], seed)
    return make_split(name, dataset.ids, queries, rest, train_fit, validation)


def _hold_out(train: IntArray, seed: int) -> tuple[IntArray, IntArray]:
    """Training items as (fitted, validation queries), drawn as for our own split."""
    held_out = held_out_size(len(train))
    shuffled = np.random.default_rng([seed, 0x5917]).permutation(np.sort(train))
    return shuffled[held_out:], shuffled[:held_out]


class _File(msgspec.Struct):
    """A split file: item ids of each part. Without `database` it is all that are no queries."""

    query: list[str]
    train: list[str]
    validation: list[str] | None = None
    database: list[str] | None = None
    name: str = ""
    dataset: str = ""
    hash: str = ""


def write_split(path: Path, split: Split, dataset: Dataset) -> None:
    """Stores a split by item id, with its hash, as json."""

    def ids(items: IntArray) -> list[str]:
        return [dataset.ids[i] for i in items.tolist()]

    content = {
        "name": split.name,
        "dataset": dataset.name,
        "hash": split.hash,
        "query": ids(split.query),
        "train": ids(split.train),
        "validation": ids(split.validation),
        "database": ids(split.database),
    }
    write_bytes_atomically(path, (json.dumps(content, indent=0) + "\n").encode())


def read_split(path: Path, dataset: Dataset, seed: int = 0) -> Split:
    """The split in a file, for a dataset that has its items.

    Validation queries are drawn with `seed` where the file names none. Raises InputError for a
    file that is missing or names items that the dataset has not, DamagedFileError for a broken one.
    """
    content = _read_file(path)
    position = {item: index for index, item in enumerate(dataset.ids)}

    def items(part: str, ids: Sequence[str]) -> IntArray:
        unknown = [item for item in ids if item not in position]
        if unknown:
            raise InputError(
                f"{len(unknown):,} of {len(ids):,} items are not in {dataset.name}, such as"
                f" {unknown[0][:80]!r}",
                where=f"{path}: {part}",
                remedy="use the split with the dataset that it was made for",
            )
        if len(set(ids)) < len(ids):
            raise DamagedFileError("lists an item twice", where=f"{path}: {part}")
        return np.array([position[item] for item in ids], dtype=np.int64)

    query, train = items("query", content.query), items("train", content.train)
    for part, chosen, least in (("query", query, 1), ("train", train, 2)):
        if len(chosen) < least:
            raise DamagedFileError("has too few items", where=f"{path}: {part}")
    database = np.setdiff1d(np.arange(len(dataset), dtype=np.int64), query)
    if content.database is not None:
        database = items("database", content.database)
    if content.validation is None:
        train_fit, validation = _hold_out(train, seed)
    else:
        validation = items("validation", content.validation)
        if np.setdiff1d(validation, train).size or not 0 < len(validation) < len(train):
            raise DamagedFileError("must be some, not all, of train", where=f"{path}: validation")
        train_fit = np.setdiff1d(train, validation)
    split = make_split(
        content.name or path.stem, dataset.ids, query, database, train_fit, validation
    )
    if content.hash and content.hash != split.hash:
        raise DamagedFileError(
            f"is {content.hash}, but the items give {split.hash}",
            where=f"{path}: hash",
            remedy="the file was changed by hand: remove the hash if that was meant",
        )
    return split


def _read_file(path: Path) -> _File:
    try:
        return msgspec.json.decode(read_bounded(path, MAX_BYTES, "a split file"), type=_File)
    except FileNotFoundError:
        raise InputError("is missing", where=path, remedy="give the path of a split file") from None
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(
            f"is not a split file: {error}",
            where=path,
            remedy='a json object of lists of item ids: {"query": [...], "train": [...]}',
        ) from None
