"""P: the share of relevant items among the first K ranks, or within a Hamming radius."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.metrics.measure import Measure

if TYPE_CHECKING:
    from hashbench.metrics.histograms import DatabaseWalk, Histograms
    from hashbench.metrics.measure import Counts, Values
    from hashbench.metrics.metric import Metric


def per_query(histograms: Histograms, metric: Metric, walk: DatabaseWalk | None) -> Values:
    """(Q,) precision; 0 where nothing lies within the radius."""
    from hashbench.metrics.cutoffs import depth_in_ranks, hits_at_rank, ratio, within_radius

    if metric.cut == "radius":
        return ratio(*(within_radius(counts, metric)
                       for counts in (histograms.relevant, histograms.items)))  # fmt: skip
    return hits_at_rank(histograms, metric, walk) / depth_in_ranks(histograms.items, metric)


def random_ball(relevant: Counts, items: Counts, share: float) -> Values:
    """The share of relevant items, times the chance that the ball holds anything at all."""
    import numpy as np

    from hashbench.metrics.cutoffs import ratio

    if share >= 1:
        return ratio(relevant, items)
    return np.asarray(ratio(relevant, items) * -np.expm1(items * np.log1p(-share)))


MEASURE = Measure(
    name="P",
    title="precision",
    cuts=("rank", "radius"),
    per_query=per_query,
    examples=("P@100", "P@r2"),
    reported=("P@100", "P@r2"),
    random_ball=random_ball,
)
