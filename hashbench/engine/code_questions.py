"""What the retrieval server says of codes alone: scores of queries, confusion of classes, bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashbench.codefiles.native import CodeSet


def average_precision(codes: CodeSet, direction: str) -> NDArray[np.float64]:
    """(Q,) expected average precision of every query, NaN for those without a relevant item.

    Raises InputError where no query has one.
    """
    from hashbench.metrics.metric import parse_metric  # compiled kernels: only for those who ask
    from hashbench.metrics.ranking import evaluate

    inputs = *codes.sides(direction), codes.query_labels, codes.database_labels
    (score,) = evaluate(*inputs, [parse_metric("mAP@all")])
    return score.per_query


def confusion(codes: CodeSet, direction: str, top: int) -> dict[str, Any]:
    """`shares` (C x C): of the first `top` hits of queries of each class, the share of every class.

    See `hashbench.metrics.class_confusion`; a class without queries has shares of 0.
    """
    from hashbench.metrics.class_confusion import class_confusion

    found = class_confusion(*codes.sides(direction), codes.query_labels, codes.database_labels, top)
    names = list(codes.class_names) or [str(number) for number in range(len(found.queries))]
    return {
        "names": names,
        "top": found.top,
        "queries": found.queries.tolist(),
        "database": found.database.tolist(),
        "shares": np.nan_to_num(found.shares).tolist(),
    }


def bit_text(words: NDArray[np.uint64], bits: int) -> str:
    """A code (W,) as zeros and ones, the first bit first."""
    unpacked = np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little")
    return "".join(map(str, unpacked[:bits].tolist()))
