"""nDCG: discounted cumulative gain over its ideal, graded by the number of shared labels.

Jarvelin and Kekalainen, "Cumulated gain-based evaluation of IR techniques" (2002). Ties as by
McSherry and Najork (2008): each rank of a group of equal distance has the mean gain of the group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.metrics.measure import Measure, Option

if TYPE_CHECKING:
    from hashbench.metrics.histograms import DatabaseWalk, Histograms
    from hashbench.metrics.measure import Counts, Values
    from hashbench.metrics.metric import Metric


def per_query(histograms: Histograms, metric: Metric, walk: DatabaseWalk | None) -> Values:
    """(Q,) nDCG; 0 for a query without relevant items."""
    import numpy as np

    from hashbench.metrics.cutoffs import depth_in_ranks, ratio

    counts = histograms.counts
    depth = depth_in_ranks(histograms.items, metric)
    reach = np.cumsum(discounts(depth))  # sum of the discounts of ranks 1 .. k, at [k]
    level_gains = gains(metric, counts.shape[2])

    def in_level_order(blocks: Counts, order: slice) -> Values:
        """DCG of consecutive blocks of equal gain, (Q, ..., levels), levels taken in `order`."""
        ends = blocks[..., order].reshape(len(blocks), -1).cumsum(axis=1)
        starts = ends - blocks[..., order].reshape(len(blocks), -1)
        span = reach[np.minimum(ends, depth)] - reach[np.minimum(starts, depth)]
        repeated = np.tile(level_gains[order], span.shape[1] // len(level_gains))
        return np.asarray((span * repeated).sum(axis=1))

    falling, rising = slice(None, None, -1), slice(None)
    if walk is not None:
        dcg = walk.gain_sum[:, walk.rank_cuts.index(depth)]
    elif metric.tie == "expected":
        items = histograms.items
        ends = items.cumsum(axis=1)
        span = reach[np.minimum(ends, depth)] - reach[np.minimum(ends - items, depth)]
        dcg = (ratio((counts * level_gains).sum(axis=2), items) * span).sum(axis=1)
    else:
        dcg = in_level_order(counts, falling if metric.tie == "best" else rising)
    # The ideal ranking ignores distances: all items in one block each, the highest gain first.
    ideal = in_level_order(counts.sum(axis=1), falling)
    return np.divide(dcg, ideal, out=np.zeros(len(dcg)), where=ideal > 0)


def gains(metric: Metric, levels: int) -> Values:
    """Gain of s shared labels: s, or 2^s - 1 over 2^(levels - 1), since nDCG is a ratio."""
    import numpy as np

    shared = np.arange(levels, dtype=np.float64)
    if metric.option("gain") == "linear":
        return shared
    return np.asarray(np.exp2(shared - levels + 1) - np.exp2(1.0 - levels))


def discounts(depth: int) -> Values:
    """1 / log2(rank + 1) at [rank], for ranks 1 .. depth; 0 at [0]."""
    import numpy as np

    ranks = np.arange(1.0, depth + 2)
    np.log2(ranks, out=ranks)
    ranks[0] = np.inf
    np.reciprocal(ranks, out=ranks)
    return ranks


MEASURE = Measure(
    name="nDCG",
    title="normalised discounted cumulative gain",
    cuts=("all", "rank"),
    per_query=per_query,
    examples=("nDCG@100", "nDCG@all"),
    reported=("nDCG@100",),
    options=(
        Option(
            "gain",
            ("linear", "exp"),
            cuts=("all", "rank"),
            words={"linear": "gain: labels shared", "exp": "gain 2^shared - 1"},
        ),
    ),
    graded=True,
    gains=gains,
    discounts=discounts,
)
