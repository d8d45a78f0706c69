"""Per-query values of every metric from histograms: sums over distances, closed forms for ties."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import InputError
from hashbench.metrics.average_precision import average_precision
from hashbench.metrics.histograms import Histograms, Walked

if TYPE_CHECKING:
    from hashbench.metrics.metric import Gain, Metric

Values = NDArray[np.float64]


def per_query_values(
    histograms: Histograms, metric: Metric, walked: Walked | None = None
) -> Values:
    """(Q,) values of one metric; 0 for a query without relevant items.

    tie=index needs what `walk_in_order` found at the metric's cut-off.
    """
    if metric.tie == "index" and metric.has_ties and walked is None:
        raise InputError(f"{metric} needs a walk in database order, not histograms alone")
    items, relevant = histograms.items, histograms.relevant
    if metric.cut == "radius":
        return _within_radius(items, relevant, metric)
    if metric.kind == "nDCG":
        return _ndcg(histograms, metric, walked)
    if metric.kind == "mAP":
        if metric.tie != "index":
            return average_precision(items, relevant, metric)
        return _indexed_average_precision(items, relevant, metric, _walked(walked))
    found = _hits_at(items, relevant, metric, walked)
    if metric.kind == "P":
        return found / depth_in_ranks(items, metric)
    return _divide(found, relevant.sum(axis=1))


def random_floor(histograms: Histograms, metric: Metric) -> Values:
    """(Q,) expected values of a ranking in random order (within a radius: of a random ball)."""
    if metric.cut == "radius":
        items, relevant = histograms.items, histograms.relevant
        ball = items[:, : metric.number + 1].sum(axis=1)
        total, share = items.sum(axis=1), relevant.sum(axis=1)
        if metric.kind == "P":
            return np.where(ball > 0, _divide(share, total), 0.0)
        return np.where(share > 0, _divide(ball, total), 0.0)
    one_distance = Histograms(histograms.counts.sum(axis=1, keepdims=True), histograms.graded)
    return per_query_values(one_distance, metric.with_tie("expected"))


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """A precision-recall curve over Hamming radii 0 .. bits, each array (bits + 1,).

    Means over the queries with a relevant item; precision only over those whose ball holds
    anything (NaN where none does), `empty_balls` being the share of the others.
    """

    radius: NDArray[np.int64]
    precision: Values
    recall: Values
    empty_balls: Values


def precision_recall_curve(histograms: Histograms) -> PrecisionRecall:
    """Precision and recall within each Hamming radius; InputError where no query has relevants."""
    counted = histograms.relevant.sum(axis=1) > 0
    if not counted.any():
        raise InputError("no query has a relevant item in the database")
    ball = histograms.items[counted].cumsum(axis=1)
    found = histograms.relevant[counted].cumsum(axis=1)
    filled = (ball > 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision = _divide(found, ball).sum(axis=0) / filled
    return PrecisionRecall(
        radius=np.arange(ball.shape[1]),
        precision=precision,
        recall=(found / found[:, -1:]).mean(axis=0),
        empty_balls=1 - filled / len(ball),
    )


def depth_in_ranks(items: NDArray[np.int64], metric: Metric) -> int:
    """The cut-off in ranks: K, but never more than the database holds."""
    database = int(items[0].sum())
    return database if metric.cut == "all" else min(metric.number, database)


def _divide(a: NDArray[np.int64] | Values, b: NDArray[np.int64]) -> Values:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)


def _walked(walked: Walked | None) -> Walked:
    if walked is None:
        raise InputError("tie=index needs a walk in database order")
    return walked


def _within_radius(items: NDArray[np.int64], relevant: NDArray[np.int64], metric: Metric) -> Values:
    found = relevant[:, : metric.number + 1].sum(axis=1)
    whole = items[:, : metric.number + 1] if metric.kind == "P" else relevant
    return _divide(found, whole.sum(axis=1))


def _hits_at(
    items: NDArray[np.int64], relevant: NDArray[np.int64], metric: Metric, walked: Walked | None
) -> Values:
    """Relevant items among the first K ranks: the group at the cut-off gives m of its n items."""
    depth = depth_in_ranks(items, metric)
    if metric.tie == "index":
        walk = _walked(walked)
        return walk.hits[:, walk.rank_cuts.index(depth)]
    reached = items.cumsum(axis=1)
    group = (reached >= depth).argmax(axis=1)[:, None]
    n, r = (np.take_along_axis(counts, group, axis=1)[:, 0] for counts in (items, relevant))
    before = np.take_along_axis(reached, group, axis=1)[:, 0] - n
    hits = np.take_along_axis(relevant.cumsum(axis=1), group, axis=1)[:, 0] - r
    m = depth - before
    if metric.tie == "best":
        return (hits + np.minimum(r, m)).astype(np.float64)
    if metric.tie == "worst":
        return (hits + np.maximum(0, m - (n - r))).astype(np.float64)
    return np.asarray(hits + m * r / n)


def _indexed_average_precision(
    items: NDArray[np.int64], relevant: NDArray[np.int64], metric: Metric, walked: Walked
) -> Values:
    wanted = relevant.sum(axis=1)
    if metric.cut == "first":
        sums = walked.first_sum[:, walked.first_cuts.index(metric.number)]
        return _divide(sums, np.minimum(wanted, metric.number))
    column = walked.rank_cuts.index(depth_in_ranks(items, metric))
    if metric.denominator == "hits":
        wanted = walked.hits[:, column].astype(np.int64)
    elif metric.cut == "rank":
        wanted = np.minimum(wanted, metric.number)
    return _divide(walked.precision_sum[:, column], wanted)


def discounts_by_rank(depth: int) -> Values:
    """1 / log2(rank + 1) at [rank], for ranks 1 .. depth; 0 at [0]."""
    ranks = np.arange(1.0, depth + 2)
    np.log2(ranks, out=ranks)
    ranks[0] = np.inf
    np.reciprocal(ranks, out=ranks)
    return ranks


def gains_by_level(gain: Gain, levels: int) -> Values:
    """Gain of s shared labels: s, or 2^s - 1 over 2^(levels - 1), since nDCG is a ratio."""
    shared = np.arange(levels, dtype=np.float64)
    return shared if gain == "linear" else np.exp2(shared - levels + 1) - np.exp2(1.0 - levels)


def _ndcg(histograms: Histograms, metric: Metric, walked: Walked | None) -> Values:
    """Normalised discounted cumulative gain at K (Jarvelin and Kekalainen 2002).

    Ties are averaged as by McSherry and Najork (2008): each rank of a group has its mean gain.
    """
    if not histograms.graded:
        raise InputError(f"{metric} needs graded histograms")
    counts = histograms.counts
    depth = depth_in_ranks(histograms.items, metric)
    reach = np.cumsum(discounts_by_rank(depth))  # of ranks 1 .. k, at [k]
    gains = gains_by_level(metric.gain, counts.shape[2])

    def in_a_row(blocks: NDArray[np.int64], order: slice) -> Values:
        """DCG of consecutive blocks of equal gain, (Q, ..., levels), levels taken in `order`."""
        ends = blocks[..., order].reshape(len(blocks), -1).cumsum(axis=1)
        starts = ends - blocks[..., order].reshape(len(blocks), -1)
        span = reach[np.minimum(ends, depth)] - reach[np.minimum(starts, depth)]
        repeated = np.tile(gains[order], span.shape[1] // len(gains))
        return np.asarray((span * repeated).sum(axis=1))

    falling, rising = slice(None, None, -1), slice(None)
    if metric.tie == "index":
        walk = _walked(walked)
        dcg = walk.dcg[:, walk.rank_cuts.index(depth)]
    elif metric.tie == "expected":
        items = histograms.items
        ends = items.cumsum(axis=1)
        span = reach[np.minimum(ends, depth)] - reach[np.minimum(ends - items, depth)]
        dcg = (_divide((counts * gains).sum(axis=2), items) * span).sum(axis=1)
    else:
        dcg = in_a_row(counts, falling if metric.tie == "best" else rising)
    ideal = in_a_row(counts.sum(axis=1), falling)
    return np.divide(dcg, ideal, out=np.zeros(len(dcg)), where=ideal > 0)
