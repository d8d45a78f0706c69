"""How well class prompts rank pictures before any hashing: what pre-training is measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def class_average_precision(
    scores: NDArray[np.float32], labels: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(c) average precision with which each class's `scores` (n, c) rank the items that show it,
    ties by index; NaN for a class that none of the `labels` (n, c) show.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    hits = np.take_along_axis(labels, order, axis=0)
    precision = hits.cumsum(axis=0) / np.arange(1, len(hits) + 1)[:, None]
    average: NDArray[np.float64] = (precision * hits).sum(axis=0) / hits.sum(axis=0)
    return average
