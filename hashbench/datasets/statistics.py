"""What a person wants to know of a dataset before trusting a number on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hashbench.datasets.base import BoolArray, Dataset, IntArray
from hashbench.metrics.codes import LabelMasks
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.random_floor import random_floors

TOKEN_LIMIT = 77
_BLOCK_PAIRS = 20_000_000

TokenCounter = Callable[[Sequence[str]], IntArray]
"""Texts -> number of tokens of each, start and end included, before anything is cut."""


@dataclass(frozen=True)
class DatasetFacts:
    """Counts and shares of a dataset under one split.

    relevant_share: share of (query, database) pairs with a label in common.
    random_floor: expected mAP@all of random codes, None where nothing is relevant to any query.
    label_density: share of the label matrix that is positive.
    class_counts: (name, positives), most frequent first.
    cut_share: share of captions longer than TOKEN_LIMIT tokens, None where they were not counted.
    """

    items: int
    queries: int
    database: int
    classes: int
    relevant_share: float
    random_floor: float | None
    label_density: float
    labels_per_item: float
    unlabelled: int
    label_sets: int
    class_counts: tuple[tuple[str, int], ...]
    captions_per_item: float
    cut_share: float | None


def dataset_facts(
    dataset: Dataset,
    query: IntArray,
    database: IntArray,
    count_tokens: TokenCounter | None = None,
) -> DatasetFacts:
    """The facts of `dataset` with the given query and database items.

    Counting tokens needs a tokenizer, which only the backbones have; without one it is skipped.
    """
    labels = dataset.labels
    counts = labels.sum(axis=0)
    order = np.argsort(-counts, kind="stable")
    texts = [text for several in dataset.captions for text in several]
    cut = None
    if count_tokens is not None and texts:
        cut = float(np.mean(count_tokens(texts) > TOKEN_LIMIT))
    return DatasetFacts(
        items=len(dataset),
        queries=len(query),
        database=len(database),
        classes=len(dataset.class_names),
        relevant_share=relevant_share(labels[query], labels[database]),
        random_floor=random_floor(labels[query], labels[database]),
        label_density=float(labels.mean()) if labels.size else 0.0,
        labels_per_item=float(labels.sum(axis=1).mean()) if labels.size else 0.0,
        unlabelled=int((~labels.any(axis=1)).sum()),
        label_sets=len(np.unique(np.packbits(labels, axis=1), axis=0)),
        class_counts=tuple((dataset.class_names[c], int(counts[c])) for c in order),
        captions_per_item=len(texts) / len(dataset) if len(dataset) else 0.0,
        cut_share=cut,
    )


def random_floor(query: BoolArray, database: BoolArray) -> float | None:
    """Expected mAP@all of random codes, for rows of (q, C) and (d, C); None where nothing is
    relevant to any query.
    """
    if not query.size or not database.size:
        return None
    metric = parse_metric("mAP@all")
    sides = LabelMasks.from_multi_hot(query), LabelMasks.from_multi_hot(database)
    return random_floors([metric], *sides, bits=1)[metric]  # the length of codes does not matter


def relevant_share(query: BoolArray, database: BoolArray) -> float:
    """Share of pairs of the rows of (q, C) and (d, C) that have a label in common; 0 for none."""
    if not len(query) or not len(database):
        return 0.0
    right = database.T.astype(np.float32)
    step = max(1, _BLOCK_PAIRS // len(database))
    shared = sum(
        int(np.count_nonzero(query[first : first + step].astype(np.float32) @ right))
        for first in range(0, len(query), step)
    )
    return shared / (len(query) * len(database))
