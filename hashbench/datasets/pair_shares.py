"""Pairs of training items under incomplete labels: similar, dissimilar, or not known to be either.

Two items are similar when they share a positive label, dissimilar when every class is a known
negative of at least one of them (PCRIL). The second needs all classes, so that dissimilar pairs
vanish at small shares of unknown labels already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashbench.datasets.base import BoolArray
from hashbench.datasets.masks import visible_labels
from hashbench.plan.spec import LabelSpec

_BLOCK_PAIRS = 20_000_000
VANISHED = 0.01
"""Negative pairs have vanished when less than this share of them is still known to be negative."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairShares:
    """Shares of all pairs i < j; they sum to 1 if there is any pair."""

    positive: float
    negative: float
    unknown: float


def pair_shares(labels: BoolArray, known: BoolArray) -> PairShares:
    """The shares under `labels` (n, C), positive where True, of which only `known` (n, C) are."""
    n, classes = labels.shape
    pairs = n * (n - 1) // 2
    if not pairs:
        return PairShares(0.0, 0.0, 0.0)
    positive, negative = (part.astype(np.float32) for part in (labels & known, known & ~labels))
    zeros = negative.sum(axis=1)
    similar = dissimilar = 0
    for rows, later in _blocks(n):
        shared = positive[rows] @ positive.T > 0
        either = zeros[rows, None] + zeros[None, :] - negative[rows] @ negative.T
        similar += int(np.count_nonzero(shared & later))
        dissimilar += int(np.count_nonzero((either >= classes) & later))
    unknown = pairs - similar - dissimilar
    return PairShares(similar / pairs, dissimilar / pairs, unknown / pairs)


def expected_negative(labels: BoolArray, unknown_rates: Sequence[float]) -> Floats:
    """For each rate of unknown labels, the expected share of pairs known to be dissimilar.

    In closed form: a class that both items lack is known of one at least with 1 - u^2, one that a
    single item has must be known of the other, 1 - u.
    """
    n, classes = labels.shape
    pairs = n * (n - 1) // 2
    counts = np.zeros((classes + 1) ** 2, dtype=np.int64)
    positive, lacking = labels.astype(np.float32), (~labels).astype(np.float32)
    for rows, later in _blocks(n):
        neither = (lacking[rows] @ lacking.T).astype(np.int64)
        shared = (positive[rows] @ positive.T).astype(np.int64)
        one = classes - neither - shared
        dissimilar = later & (shared == 0)
        pattern = (neither * (classes + 1) + one)[dissimilar]
        counts += np.bincount(pattern, minlength=len(counts))
    table = counts.reshape(classes + 1, classes + 1) / max(1, pairs)
    powers = np.arange(classes + 1)
    u = np.asarray(unknown_rates, dtype=np.float64)[:, None, None]
    kept = (1 - u**2) ** powers[None, :, None] * (1 - u) ** powers[None, None, :]
    expected: Floats = (table[None] * kept).sum(axis=(1, 2))
    return expected


def vanishing_rate(labels: BoolArray) -> float | None:
    """The rate of unknown labels, in steps of 1 %, at which dissimilar pairs have vanished.

    None if no pair is dissimilar to begin with.
    """
    rates = np.arange(101) / 100
    expected = expected_negative(labels, rates.tolist())
    if not expected[0]:
        return None
    return float(rates[int(np.argmax(expected < VANISHED * expected[0]))])


@dataclass(frozen=True)
class Incompleteness:
    """What a known ratio leaves of the training labels.

    known_ratio: the share of entries that is known. pairs: shares of pairs of training items.
    vanishing: the rate of unknown labels at which dissimilar pairs vanish, see `vanishing_rate`.
    negative_curve: (rate of unknown labels, expected share of dissimilar pairs).
    label_set_curve: items with each distinct set of known positives, the most frequent first
        (PCRIL, Fig. 3).
    """

    known_ratio: float
    pairs: PairShares
    vanishing: float | None
    negative_curve: tuple[tuple[float, float], ...]
    label_set_curve: tuple[int, ...]


def incompleteness(labels: BoolArray, known_ratio: float, seed: int) -> Incompleteness:
    """Of the full `labels` (n, C) of training items, hidden as a run of that seed hides them.

    Raises InputError for a ratio that is no share of labels.
    """
    seen = visible_labels(labels, LabelSpec(known_ratio=known_ratio), seed)
    rates = [step / 20 for step in range(11)]
    expected = expected_negative(labels, rates)
    return Incompleteness(
        known_ratio=known_ratio,
        pairs=pair_shares(seen.labels, seen.known),
        vanishing=vanishing_rate(labels),
        negative_curve=tuple(zip(rates, map(float, expected), strict=True)),
        label_set_curve=tuple(label_set_frequencies(seen.labels).tolist()),
    )


def label_set_frequencies(labels: BoolArray) -> npt.NDArray[np.int64]:
    """How many items have each distinct label set, the most frequent first: the curve's heights."""
    _, counts = np.unique(np.packbits(labels, axis=1), axis=0, return_counts=True)
    return np.sort(counts.astype(np.int64))[::-1]


def _blocks(n: int) -> Iterator[tuple[slice, BoolArray]]:
    """Row blocks of the (n, n) pairs, and which entries of a block are pairs i < j."""
    step = max(1, _BLOCK_PAIRS // n)
    columns = np.arange(n)
    for first in range(0, n, step):
        rows = slice(first, min(first + step, n))
        yield rows, columns[None, :] > columns[rows, None]
