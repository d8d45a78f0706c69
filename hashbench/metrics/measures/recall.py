"""R: the share of a query's relevant items among the first K ranks, or within a Hamming radius."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.metrics.measure import Measure

if TYPE_CHECKING:
    from hashbench.metrics.histograms import DatabaseWalk, Histograms
    from hashbench.metrics.measure import Counts, Values
    from hashbench.metrics.metric import Metric


def per_query(histograms: Histograms, metric: Metric, walk: DatabaseWalk | None) -> Values:
    """(Q,) recall; 0 for a query without relevant items."""
    from hashbench.metrics.cutoffs import hits_at_rank, ratio, within_radius

    hits = (
        within_radius(histograms.relevant, metric)
        if metric.cut == "radius"
        else hits_at_rank(histograms, metric, walk)
    )
    return ratio(hits, histograms.relevant.sum(axis=1))


def random_ball(relevant: Counts, items: Counts, share: float) -> Values:  # noqa: ARG001
    """Each relevant item is inside with the same chance as any other."""
    import numpy as np

    return np.where(relevant > 0, share, 0.0)


MEASURE = Measure(
    name="R",
    title="recall",
    cuts=("rank", "radius"),
    per_query=per_query,
    examples=("R@100", "R@r2"),
    reported=("R@100", "R@r2"),
    random_ball=random_ball,
)
