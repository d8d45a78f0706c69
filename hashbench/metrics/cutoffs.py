"""What several measures share: the depth of a cut-off and the hits before it, from histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hashbench.metrics.histograms import Counts, Values

if TYPE_CHECKING:
    from hashbench.metrics.histograms import DatabaseWalk, Histograms
    from hashbench.metrics.metric import Metric


def ratio(a: Counts | Values, b: NDArray[np.int64]) -> Values:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)


def depth_in_ranks(items: Counts, metric: Metric) -> int:
    """The cut-off in ranks: K, but never more than the database holds."""
    database = int(items[0].sum())
    return database if metric.cut == "all" else min(metric.number, database)


def within_radius(counts: Counts, metric: Metric) -> Counts:
    """(Q,) sums of (Q, distances) counts up to the radius."""
    return np.asarray(counts[:, : metric.number + 1].sum(axis=1))


def hits_at_rank(histograms: Histograms, metric: Metric, walk: DatabaseWalk | None) -> Values:
    """(Q,) relevant items among the first K ranks, under the tie rule of the metric."""
    items, relevant = histograms.items, histograms.relevant
    depth = depth_in_ranks(items, metric)
    if walk is not None:
        return walk.hits[:, walk.rank_cuts.index(depth)]
    # The group of equal distance at the cut-off has n items, r of them relevant, and gives m items
    # to the first K ranks; all nearer groups give all of theirs.
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
