"""Do codes know more of the labels than their items show? Evidence from codes and labels alone.

An encoder that is given an item's labels makes codes that depend on the exact label set, and on
little else. One that sees only the item cannot help two things, however well it was trained: items
whose label sets differ by a single label often look alike to it, and items of one label set do not
look alike, in ways that many bits follow together. So for query items, which no training has seen,
three things are measured against database items of the same label set and against those whose set
differs by exactly one label:

- `separation`: how often an item of the same set is nearer than one whose set is one label off
  (ties count half; 0.5 is chance);
- `spread`: the mean distance within a label set, as a share of that to sets one label off;
- `structure`: the variance of the distances within a label set, as a multiple of what bits that
  differ independently of each other would have. Content moves many bits together (above 1);
  noise on a function of the labels does not (1).

The limits below were set on simulated encoders: codes of classifier scores for MIRFlickr's real
label sets and for sparser and denser ones, 16 to 128 bits, items of the training set memorised or
not, noise shared among classes or not. Classifiers up to a class-wise mean average precision of
0.96, more than is reported for any of these data sets, stay outside; leaks with up to 10 % of all
bits flipped fall inside at every length. Nobody can tell a leak from a classifier that is always
right, and on synthetic data there may be one: that is why this is evidence, not proof.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.label_sets import SetDistances, compare

Floats = NDArray[np.float64]
Verdict = Literal["consistent with label input", "no sign of label input", "not decidable"]

MOST_QUERIES = 1000
MOST_ITEMS = 200_000
LEAST_QUERIES = 30
LEAST_SETS = 8
RESAMPLES = 500
FREQUENCIES = ((1, 2), (3, 10), (11, 50), (51, None))

# Bits that differ (nearly) independently of each other within a label set. `structure` may exceed
# 1 by this much for each further bit: simulated encoders had 0.004 to 0.1, leaks 0 +- 0.003.
INDEPENDENT = 0.002
INDEPENDENT_LEAST = 0.06  # but at 16 bits this much is sampling error
INDEPENDENT_SEPARATION = 0.6  # above what random projections of features reach
# Noise on the label vector, before it is hashed, moves bits together the more, the fewer the
# classes: by 0.1 / classes for each further bit. Simulated encoders had 0.26 / classes and more.
NEARLY_INDEPENDENT = 0.008
NEARLY_INDEPENDENT_BY_CLASS = 0.18
NEARLY_INDEPENDENT_LEAST = 0.15
NEARLY_INDEPENDENT_SEPARATION = 0.68
# Codes that the label set all but determines. Simulated encoders had a spread of 0.3 and more.
NARROW_SPREAD = 0.25
NARROW_SEPARATION = 0.7
# Items of one label set with the very same code; simulated encoders reached 0.46.
IDENTICAL_SAME = 0.55
IDENTICAL_SEPARATION = 0.65


@dataclass(frozen=True)
class Measure:
    """A value with its 95 % interval (bootstrap over label sets)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bucket:
    """Queries whose label set occurs `least` to `most` times in the database (None: no limit).

    `accuracy`: how often the nearest code belongs to an item of the same label set (shares of
    ties). `chance`: the same for an item at random. `among_close` and `overlap`: among the nearest
    items, and among all, of those whose set differs by at most one label, the share with exactly
    the same set: what is beyond `overlap` is not explained by classes that the sets share.
    """

    least: int
    most: int | None
    queries: int
    accuracy: float
    chance: float
    among_close: float
    overlap: float


@dataclass(frozen=True)
class Evidence:
    """What was measured, on `queries` queries of `label_sets` different label sets.

    The measures are None where no query has both items of its own label set and items one label
    off. `identical_same` and `identical_one_off`: the share of such items with the query's code.
    """

    bits: int
    classes: int
    queries: int
    label_sets: int
    single_label: bool
    buckets: tuple[Bucket, ...] = ()
    separation: Measure | None = None
    spread: Measure | None = None
    structure: Measure | None = None
    identical_same: float = float("nan")
    identical_one_off: float = float("nan")


@dataclass(frozen=True)
class Finding:
    """A verdict in words, with the reasons for it, one sentence each."""

    verdict: Verdict
    reasons: tuple[str, ...]


def gather(
    query: Codes,
    database: Codes,
    query_labels: LabelMasks,
    database_labels: LabelMasks,
    *,
    seed: int,
    threads: int = 2,
) -> Evidence:
    """Measures codes of queries against those of the database, on a sample of both.

    Takes at most 1,000 queries and 200,000 database items. Raises InputError where the sides do
    not fit each other.
    """
    if query.bits != database.bits or query_labels.classes != database_labels.classes:
        raise InputError("query and database differ in bits or classes")
    if len(query) != len(query_labels) or len(database) != len(database_labels):
        raise InputError("codes and labels differ in the number of items")
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(query), min(len(query), MOST_QUERIES), replace=False)
    columns = rng.choice(len(database), min(len(database), MOST_ITEMS), replace=False)
    query_labels, database_labels = query_labels[rows], database_labels[columns]
    counts = compare(query[rows], database[columns], query_labels, database_labels, threads)
    sets = _set_numbers(query_labels)
    usable = (counts.same.sum(axis=1) > 0) & (counts.one_off.sum(axis=1) > 0)
    evidence = Evidence(
        bits=query.bits,
        classes=query_labels.classes,
        queries=int(usable.sum()),
        label_sets=len(np.unique(sets[usable])),
        single_label=_at_most_one(query_labels) and _at_most_one(database_labels),
        buckets=_buckets(counts, len(columns)),
    )
    return _measured(evidence, counts.rows(usable), sets[usable], rng) if usable.any() else evidence


def judge(evidence: Evidence) -> Finding:
    """The verdict on the evidence. The limits are explained where they are defined, above."""
    if evidence.single_label:
        return _undecidable(
            "single-label data: no two label sets differ by one label, and a good classifier gives "
            "all items of a class one code"
        )
    separation, spread, structure = evidence.separation, evidence.spread, evidence.structure
    enough = evidence.queries >= LEAST_QUERIES and evidence.label_sets >= LEAST_SETS
    if not enough or separation is None or spread is None or structure is None:
        return _undecidable(
            f"only {evidence.queries} queries of {evidence.label_sets} label sets have items of "
            f"the same set and of a set one label off; {LEAST_QUERIES} of {LEAST_SETS} are needed"
        )
    # Three signs, each enough on its own; a leak with noise shows one where it hides another.
    reasons = []
    if spread.high <= NARROW_SPREAD and separation.low >= NARROW_SEPARATION:
        reasons.append(
            "the label set all but determines the code: within a set, codes differ "
            f"{spread.value:.2f} times as much as between sets one label apart"
        )
    identical, one_off = evidence.identical_same, evidence.identical_one_off
    often = identical >= max(IDENTICAL_SAME, 2 * one_off)
    if often and separation.low >= IDENTICAL_SEPARATION:
        reasons.append(
            f"{identical:.0%} of items with the same label set have the same code, and "
            f"{one_off:.0%} of items one label off"
        )
    further = evidence.bits - 1
    nearly = further * max(NEARLY_INDEPENDENT, NEARLY_INDEPENDENT_BY_CLASS / evidence.classes)
    limits = (
        (max(INDEPENDENT_LEAST, INDEPENDENT * further), INDEPENDENT_SEPARATION),
        (max(NEARLY_INDEPENDENT_LEAST, nearly), NEARLY_INDEPENDENT_SEPARATION),
    )
    if any(structure.value - 1 <= most and separation.low >= least for most, least in limits):
        reasons.append(
            "beyond the label set the codes hold independent noise and next to no content "
            f"(structure {structure.value:.2f}), yet tell apart sets that differ by one label "
            f"({separation.value:.0%} of the time)"
        )
    if reasons:
        return Finding("consistent with label input", tuple(reasons))
    reason = (
        f"within a label set, codes differ {spread.value:.2f} times as much as between sets one "
        f"label apart, with many bits together (structure {structure.value:.2f}), and tell such "
        f"sets apart {separation.value:.0%} of the time"
    )
    return Finding("no sign of label input", (reason,))


def _undecidable(reason: str) -> Finding:
    return Finding("not decidable", (reason,))


def _measured(
    evidence: Evidence, counts: SetDistances, sets: NDArray[np.int64], rng: np.random.Generator
) -> Evidence:
    """Adds the measures: means over queries, with intervals by resampling label sets."""
    same = counts.same / counts.same.sum(axis=1, keepdims=True)
    one_off = counts.one_off / counts.one_off.sum(axis=1, keepdims=True)
    nearer = np.cumsum(same, axis=1) - same / 2
    distance = np.arange(same.shape[1])
    columns = np.stack([
        np.ones(len(same)), np.sum(one_off * nearer, axis=1), same @ distance, one_off @ distance,
        counts.variance, counts.independent,
    ], axis=1)  # fmt: skip
    by_set = np.zeros((int(sets.max()) + 1, columns.shape[1]))
    np.add.at(by_set, sets, columns)
    by_set = by_set[by_set[:, 0] > 0]
    draws = rng.multinomial(len(by_set), np.full(len(by_set), 1 / len(by_set)), RESAMPLES)
    values = _ratios(by_set.sum(axis=0, keepdims=True))[0]
    low, high = np.quantile(_ratios(draws @ by_set), [0.025, 0.975], axis=0)
    separation, spread, structure = (
        Measure(float(value), float(least), float(most))
        for value, least, most in zip(values, low, high, strict=True)
    )
    return replace(
        evidence,
        separation=separation,
        spread=spread,
        structure=structure,
        identical_same=float(same[:, 0].mean()),
        identical_one_off=float(one_off[:, 0].mean()),
    )


def _ratios(sums: Floats) -> Floats:
    """(n, 6) sums over queries -> (n, 3) separation, spread, structure; 1 where nothing varies."""
    count, nearer, same, one_off, variance, independent = sums.T
    spread = np.divide(same, one_off, out=np.ones_like(same), where=one_off > 0)
    structure = np.divide(variance, independent, out=np.ones_like(same), where=independent > 1e-9)
    return np.stack([nearer / count, spread, structure], axis=1)


def _buckets(counts: SetDistances, items: int) -> tuple[Bucket, ...]:
    """1-NN label-set accuracy by how often the query's label set occurs in the database."""
    frequency = counts.same.sum(axis=1)
    close = frequency + counts.one_off.sum(axis=1)
    total, exact, one_off = counts.nearest.T
    buckets = []
    for least, most in FREQUENCIES:
        chosen = (frequency >= least) & (frequency <= (most or items))
        if not chosen.any():
            continue
        share = (exact[chosen] / total[chosen]).sum(), (one_off[chosen] / total[chosen]).sum()
        buckets.append(
            Bucket(
                least=least,
                most=most,
                queries=int(chosen.sum()),
                accuracy=float(share[0] / chosen.sum()),
                chance=float(frequency[chosen].mean() / items),
                among_close=float(share[0] / sum(share)) if sum(share) else float("nan"),
                overlap=float((frequency[chosen] / close[chosen]).mean()),
            )
        )
    return tuple(buckets)


def _set_numbers(labels: LabelMasks) -> NDArray[np.int64]:
    """The same number for the same label set."""
    rows = np.ascontiguousarray(labels.words)
    keys = rows.view(np.dtype((np.void, 8 * rows.shape[1]))).ravel()
    return np.unique(keys, return_inverse=True)[1].astype(np.int64).ravel()


def _at_most_one(labels: LabelMasks) -> bool:
    """Whether no item has two labels."""
    words = labels.words
    several = bool(np.any(words & (words - np.uint64(1)) & np.where(words > 0, ~np.uint64(0), 0)))
    return not several and int((words > 0).sum(axis=1).max()) <= 1
