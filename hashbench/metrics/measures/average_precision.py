"""mAP: the mean over queries of the average precision at the relevant items of the ranking.

R is the number of relevant database items of a query. `mAP@K` divides by min(K, R), `mAP@K/hits` by
the relevant items among the first K; `mAP@firstK` averages over the first K relevant items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.metrics.measure import Measure, Option

if TYPE_CHECKING:
    from hashbench.metrics.histograms import DatabaseWalk, Histograms
    from hashbench.metrics.measure import Values
    from hashbench.metrics.metric import Metric


def per_query(histograms: Histograms, metric: Metric, walk: DatabaseWalk | None) -> Values:
    """(Q,) average precision, in closed form unless ties are in database order."""
    from hashbench.metrics.average_precision import average_precision

    if walk is None:
        return average_precision(histograms.items, histograms.relevant, metric)
    return _in_database_order(histograms, metric, walk)


def _in_database_order(histograms: Histograms, metric: Metric, walk: DatabaseWalk) -> Values:
    import numpy as np

    from hashbench.metrics.cutoffs import depth_in_ranks, ratio

    divisor = histograms.relevant.sum(axis=1)
    if metric.cut == "first":
        sums = walk.first_sum[:, walk.first_cuts.index(metric.number)]
        return ratio(sums, np.minimum(divisor, metric.number))
    column = walk.rank_cuts.index(depth_in_ranks(histograms.items, metric))
    if metric.option("denominator") == "hits":
        divisor = walk.hits[:, column].astype(np.int64)
    elif metric.cut == "rank":
        divisor = np.minimum(divisor, metric.number)
    return ratio(walk.precision_sum[:, column], divisor)


MEASURE = Measure(
    name="mAP",
    title="mean average precision",
    cuts=("all", "rank", "first"),
    per_query=per_query,
    examples=("mAP@all", "mAP@50", "mAP@50/hits", "mAP@first50"),
    reported=(
        "mAP@all",
        "mAP@all(tie=worst)",
        "mAP@all(tie=index)",
        "mAP@all(tie=best)",
        "mAP@50",
    ),
    options=(
        Option(
            "denominator",
            ("relevant", "hits"),
            cuts=("rank",),
            words={"relevant": "divided by min(K, R)", "hits": "divided by the hits"},
            slash=True,
        ),
    ),
)
