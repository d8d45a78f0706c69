"""Which items are queries, database, training items: stored by item id, with a hash.

Query and database are disjoint; training items are part of the database. Validation queries come
out of the training items, and the rest of them is what a method fits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hashbench.datasets.base import Dataset, IntArray
from hashbench.errors import InputError

VALIDATION_SHARE = 0.1
VALIDATION_MOST = 1000


@dataclass(frozen=True)
class Split:
    """Sorted item indices. `train` = `fit` + `validation`, without overlap."""

    name: str
    query: IntArray
    database: IntArray
    fit: IntArray
    validation: IntArray
    hash: str

    @property
    def train(self) -> IntArray:
        return np.sort(np.concatenate([self.fit, self.validation]))

    def sizes(self) -> dict[str, int]:
        """Number of items in each part."""
        return {
            "query": len(self.query),
            "database": len(self.database),
            "fit": len(self.fit),
            "validation": len(self.validation),
        }


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
    held_out = min(max(1, round(train * VALIDATION_SHARE)), VALIDATION_MOST, train - 1)
    database = np.setdiff1d(everyone, queries)
    return make_split(
        "own", dataset.ids, queries, database, shuffled[held_out:], shuffled[:held_out]
    )


def sizes_that_fit(dataset: Dataset, query: int, train: int) -> tuple[int, int]:
    """(query, train) as given where there are so many items, else a fifth and a half of them."""
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
    fit: IntArray,
    validation: IntArray,
) -> Split:
    """A split of the given parts, checked and hashed over the item ids of each part.

    Raises InputError when queries are in the database or training items are outside of it.
    """
    parts = {"query": query, "database": database, "fit": fit, "validation": validation}
    parts = {part: np.unique(np.asarray(index, dtype=np.int64)) for part, index in parts.items()}
    if np.intersect1d(parts["query"], parts["database"]).size:
        raise InputError("queries are in the database", where=f"split {name}")
    if np.intersect1d(parts["fit"], parts["validation"]).size:
        raise InputError("validation queries are among the fitted items", where=f"split {name}")
    train = np.concatenate([parts["fit"], parts["validation"]])
    if np.setdiff1d(train, parts["database"]).size:
        raise InputError("training items are not in the database", where=f"split {name}")
    digest = hashlib.sha256()
    for part, index in parts.items():
        digest.update(f"{part}\n".encode())
        for item in sorted(ids[i] for i in index):
            digest.update(f"{item}\n".encode())
    return Split(name, **parts, hash=digest.hexdigest()[:16])


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
    left = {}
    for part in ("query", "database", "fit", "validation"):
        before: IntArray = getattr(split, part)
        left[part] = np.setdiff1d(before, np.asarray(items, dtype=np.int64))
        if len(before) and not len(left[part]):
            raise InputError(
                f"no item of the part {part} of the split {split.name} is left",
                remedy="most pictures cannot be read: `hashbench datasets check` says why",
            )
    return make_split(split.name, ids, **left)
