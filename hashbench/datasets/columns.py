"""Which class a label column is, told from how often it is positive and what it lies within."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashbench.datasets.base import BoolArray
from hashbench.datasets.mirflickr25k.figures import COUNTS, FREQUENT_ITEMS, ITEMS, WITHIN


@dataclass(frozen=True)
class KnownSet:
    """A published set: its items, the positives of each class, and which classes lie in others."""

    source: str
    items: int
    counts: Mapping[str, int]
    within: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Named:
    """Names of label columns, in their order, and the set that says so."""

    names: tuple[str, ...]
    source: str


KNOWN = (
    KnownSet(
        f"MIRFlickr-25K, {ITEMS:,} items",
        ITEMS,
        {name: counts[0] for name, counts in COUNTS.items()},
        WITHIN,
    ),
    KnownSet(
        f"MIRFlickr-25K, {FREQUENT_ITEMS:,} items",
        FREQUENT_ITEMS,
        {name: counts[1] for name, counts in COUNTS.items()},
        WITHIN,
    ),
)


def names_by_counts(labels: BoolArray) -> Named | None:
    """The names of the columns of (N, C) `labels` where a known set has exactly these counts.

    Needs N items, C classes and C different counts to agree, so that no column is guessed.
    """
    counts = labels.sum(axis=0).tolist()
    for known in KNOWN:
        by_count = {count: name for name, count in known.counts.items()}
        same = len(labels) == known.items and sorted(counts) == sorted(known.counts.values())
        if same and len(by_count) == len(counts):
            return Named(tuple(by_count[count] for count in counts), known.source)
    return None
