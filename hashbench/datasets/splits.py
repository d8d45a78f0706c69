"""Which items are queries, database, training items: stored by item id, with a hash.

Query and database are disjoint; training items are part of the database. Validation queries come
out of the training items, and the rest of them is what a method fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hashbench.datasets.base import Dataset, IntArray
from hashbench.errors import InputError
from hashbench.plan.card import SplitSizes

VALIDATION_SHARE = 0.1
VALIDATION_MOST = 1000


@dataclass(frozen=True)
class Split:
    """Sorted item indices. `train` = `train_fit` + `validation`, without overlap."""

    name: str
    query: IntArray
    database: IntArray
    train_fit: IntArray
    validation: IntArray
    hash: str

    @property
    def train(self) -> IntArray:
        return np.sort(np.concatenate([self.train_fit, self.validation]))

    def parts(self) -> dict[str, IntArray]:
        """The parts under the names that stored results and hashes know them by."""
        return {
            "query": self.query,
            "database": self.database,
            "fit": self.train_fit,
            "validation": self.validation,
        }

    def sizes(self) -> dict[str, int]:
        """Number of items in each part."""
        return {name: len(items) for name, items in self.parts().items()}


def own_split(dataset: Dataset, query: int, train: int, seed: int) -> Split:
    """Our own split: a seeded draw of `query` queries, the rest database, `train` items of it.

    Where the dataset gives roles, queries and training items are drawn from those. One item in
    ten of the training items, at most 1,000, becomes a validation query.
    Raises InputError when the dataset is too small.
    """
    rng = np.random.default_rng([seed, 0x5917])
    everyone = np.arange(len(dataset), dtype=np.int64)
    query_pool = np.asarray(dataset.roles.get("query", everyone), dtype=np.int64)
    if query > len(query_pool) or query >= len(dataset):
        raise InputError(
            f"{query} queries asked for, {len(query_pool)} items can be one",
            where=dataset.name,
            remedy="a smaller --query-size",
        )
    queries = np.sort(rng.permutation(query_pool)[:query])
    train_pool = np.setdiff1d(dataset.roles.get("train", everyone), queries)
    if train > len(train_pool):
        raise InputError(
            f"{train} training items asked for, {len(train_pool)} can be one",
            where=dataset.name,
            remedy="a smaller --train-size",
        )
    shuffled = rng.permutation(train_pool)[:train]
    held_out = held_out_size(train)
    database = np.setdiff1d(everyone, queries)
    return make_split(
        "own", dataset.ids, queries, database, shuffled[held_out:], shuffled[:held_out]
    )


def fold_split(dataset: Dataset, fold: int, folds: int, train: int, seed: int) -> Split:
    """A split of cross-validation: `fold` (from 1) of `folds` parts are the queries.

    The seed divides all items into parts of equal size, but for one item, which all folds share.
    The rest is as in our own split. The name holds a digest of the parts and of `train`, equal for
    all folds of one division. Raises InputError where the dataset comes with parts of its own, or
    is too small.
    """
    require_dividable(dataset)
    if len(dataset) < 2 * folds:
        raise InputError(
            f"{len(dataset):,} items cannot be divided into {folds} folds",
            where=dataset.name,
            remedy="fewer --folds",
        )
    rng = np.random.default_rng([seed, 0xF01D])
    parts = np.array_split(rng.permutation(len(dataset)).astype(np.int64), folds)
    digest = hashlib.sha256(f"{train}\n".encode())
    for part in parts:
        digest.update("\n".join(sorted(dataset.ids[i] for i in part)).encode() + b"\n\n")
    queries = parts[fold - 1]
    database = np.setdiff1d(np.arange(len(dataset), dtype=np.int64), queries)
    if not 2 <= train <= len(database):
        raise InputError(
            f"{train:,} training items asked for, {len(database):,} can be one",
            where=dataset.name,
            remedy="a smaller --train-size",
        )
    drawn = np.random.default_rng([seed, 0xF01D, fold]).permutation(database)[:train]
    held_out = held_out_size(train)
    name = f"{folds} folds {digest.hexdigest()[:16]}"
    return make_split(name, dataset.ids, queries, database, drawn[held_out:], drawn[:held_out])


def require_dividable(dataset: Dataset) -> None:
    """Raises InputError for a dataset that says itself which items are queries."""
    if dataset.roles:
        raise InputError(
            f"{dataset.name} comes with its own test and training parts: it cannot be divided into"
            " folds",
            where="--folds",
            remedy="without --folds, several --seed",
        )


def held_out_size(train: int) -> int:
    """How many training items become validation queries."""
    return min(max(1, round(train * VALIDATION_SHARE)), VALIDATION_MOST, train - 1)


def default_sizes(dataset: Dataset) -> SplitSizes:
    """Sizes for a dataset that nobody named any for: a tenth of the items, at most 2,000, are
    queries, and half of the rest, at most 10,000, training items.
    """
    query = min(2000, max(1, len(dataset) // 10))
    return SplitSizes(query, min(10000, max(2, (len(dataset) - query) // 2)))


def sizes_that_fit(dataset: Dataset, query: int, train: int) -> tuple[int, int]:
    """(query, train) as given if the dataset has so many items, else a fifth and a half of them."""
    askable = len(dataset.roles.get("query", dataset.ids))
    trainable = len(dataset.roles.get("train", dataset.ids))
    if query <= askable and train <= trainable and query + train <= len(dataset):
        return query, train
    return (
        max(1, min(query, askable, len(dataset) // 5)),
        max(2, min(train, trainable, len(dataset) // 2)),
    )


def make_split(
    name: str,
    ids: Sequence[str],
    query: IntArray,
    database: IntArray,
    train_fit: IntArray,
    validation: IntArray,
) -> Split:
    """A split of the given parts, checked and hashed over the item ids of each part.

    Raises InputError when queries are in the database or training items are outside of it.
    """
    parts = (query, database, train_fit, validation)
    query, database, train_fit, validation = (
        np.unique(np.asarray(items, dtype=np.int64)) for items in parts
    )
    split = Split(name, query, database, train_fit, validation, hash="")
    if np.intersect1d(split.query, split.database).size:
        raise InputError("queries are in the database", where=f"split {name}")
    if np.intersect1d(split.train_fit, split.validation).size:
        raise InputError("validation queries are among the fitted items", where=f"split {name}")
    if np.setdiff1d(split.train, split.database).size:
        raise InputError("training items are not in the database", where=f"split {name}")
    digest = hashlib.sha256()
    for part, index in split.parts().items():
        digest.update(f"{part}\n".encode())
        for item in sorted(ids[i] for i in index):
            digest.update(f"{item}\n".encode())
    return replace(split, hash=digest.hexdigest()[:16])


def fit_all(split: Split, ids: Sequence[str]) -> Split:
    """The split with its validation queries among the fitted items, as papers train."""
    none = np.zeros(0, dtype=np.int64)
    return make_split(split.name, ids, split.query, split.database, split.train, none)


def without(split: Split, ids: Sequence[str], items: Sequence[int]) -> Split:
    """The split without some items; the others stay in their parts.

    Raises InputError where a part that had items has none left.
    """
    if not items:
        return split
    left = []
    for part, before in split.parts().items():
        left.append(np.setdiff1d(before, np.asarray(items, dtype=np.int64)))
        if len(before) and not len(left[-1]):
            raise InputError(
                f"no item of the part {part} of the split {split.name} is left",
                remedy="most pictures cannot be read: `hashbench datasets check` explains why",
            )
    return make_split(split.name, ids, *left)
