"""Per-query values of a metric from histograms: sums over distances, closed forms for ties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashbench.errors import InputError
from hashbench.metrics.histograms import Values

if TYPE_CHECKING:
    from hashbench.metrics.histograms import DatabaseWalk, Histograms
    from hashbench.metrics.metric import Metric


def per_query_values(
    histograms: Histograms, metric: Metric, walk: DatabaseWalk | None = None
) -> Values:
    """(Q,) values of one metric; 0 for a query without relevant items.

    tie=index needs the walk in database order at the metric's cut-off. Raises InputError where
    histograms or walk do not hold what the metric needs.
    """
    card = metric.card
    if card.graded and not histograms.graded:
        raise InputError(f"{metric} needs graded histograms")
    in_database_order = metric.tie == "index" and metric.has_ties
    if in_database_order and walk is None:
        raise InputError(f"{metric} needs a walk in database order, not histograms alone")
    return card.per_query(histograms, metric, walk if in_database_order else None)
