"""Precision-recall curves over Hamming radii."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import InputError
from hashbench.metrics.cutoffs import ratio
from hashbench.metrics.histograms import Values

if TYPE_CHECKING:
    from hashbench.metrics.histograms import Histograms


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
    hits = histograms.relevant[counted].cumsum(axis=1)
    filled = (ball > 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision = ratio(hits, ball).sum(axis=0) / filled
    return PrecisionRecall(
        radius=np.arange(ball.shape[1]),
        precision=precision,
        recall=(hits / hits[:, -1:]).mean(axis=0),
        empty_balls=1 - filled / len(ball),
    )
