"""The random floor: what a metric is worth on codes that know nothing.

Random codes are fair coins, every bit of every item. Then all rankings of the database are equally
likely, so the expected value of a metric over ranks depends on the labels alone: it is the metric
of a single group of items at one distance, ties in random order. A tie rule other than the
expected one does not change it. Within a radius the number of items found is random, too; its
distribution depends on the number of bits. Queries are left out, or count as 0, as the metric says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.histograms import (
    DISTANCE_TABLES,
    Counts,
    Histograms,
    Values,
    count_histograms,
)
from hashbench.metrics.per_query import per_query_values

if TYPE_CHECKING:
    from hashbench.metrics.metric import Distance, Metric


def relevance_counts(
    query_labels: LabelMasks,
    database_labels: LabelMasks,
    *,
    graded: bool = False,
    threads: int | None = None,
) -> Counts:
    """(Q, levels) database items of each query: not relevant, relevant; or, where `graded`, by the
    number of shared labels.
    """
    histograms = count_histograms(
        _equal_codes(len(query_labels)),
        _equal_codes(len(database_labels)),
        query_labels,
        database_labels,
        graded=graded,
        threads=threads,
    )
    return np.asarray(histograms.counts.sum(axis=1))


def _equal_codes(items: int) -> Codes:
    """Codes of one bit, all the same: pairs are counted by their labels alone."""
    return Codes(np.zeros((items, 1), np.uint64), 1)


def random_values(relevance: Counts, metric: Metric, bits: int) -> Values:
    """(Q,) expected values of a metric under random codes of `bits` bits, from (Q, levels) counts
    of the database, by the number of shared labels for a graded measure; 0 for a query without
    relevant items.
    """
    if metric.cut == "radius":
        random_ball = metric.card.random_ball
        if random_ball is None:
            raise InputError(f"{metric.measure} states no expected value within a radius")
        share = ball_probability(bits, metric.number, metric.distance)
        return random_ball(relevance[:, 1:].sum(axis=1), relevance.sum(axis=1), share)
    one_distance = Histograms(relevance[:, None, :], graded=metric.card.graded)
    return per_query_values(one_distance, metric.with_tie("expected"))


def floor_of(relevance: Counts, metric: Metric, bits: int) -> float | None:
    """The mean of `random_values` over the queries that the metric counts; None without any."""
    counted = relevance[:, 1:].sum(axis=1) > 0
    if metric.empty == "zero":
        counted = np.ones_like(counted)
    if not counted.any():
        return None
    return float(random_values(relevance, metric, bits)[counted].mean())


def random_floors(
    metrics: Sequence[Metric],
    query_labels: LabelMasks,
    database_labels: LabelMasks,
    bits: int,
    *,
    threads: int | None = None,
) -> dict[Metric, float | None]:
    """The random floor of each metric for these queries and this database, None where no query is
    counted. Raises InputError where the labels do not fit each other.
    """
    graded = any(metric.card.graded for metric in metrics)
    relevance = relevance_counts(query_labels, database_labels, graded=graded, threads=threads)
    return {metric: floor_of(relevance, metric, bits) for metric in metrics}


def ball_probability(bits: int, radius: int, distance: Distance = "hamming") -> float:
    """The probability that two random codes of `bits` bits are at most `radius` apart."""
    table = DISTANCE_TABLES[distance]
    if not len(table):
        return float(sum(math.comb(bits, d) for d in range(min(radius, bits) + 1)) / 2**bits)
    # The distance is a sum over bytes, each uniform over its values: convolve their distributions.
    whole = np.bincount(table) / 256
    chances = np.ones(1)
    for _ in range(bits // 8):
        chances = np.convolve(chances, whole)
    if bits % 8:
        chances = np.convolve(chances, np.bincount(table[: 1 << bits % 8]) / (1 << bits % 8))
    return float(chances[: radius + 1].sum())
