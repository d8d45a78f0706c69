"""Distances from queries to items with the same label set, and with a set one label off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.jit import compiled, popcount

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

PAIRS_FOR_VARIANCE = 256  # items of its label set that a query's bits are compared with


@dataclass(frozen=True, eq=False)
class SetDistances:
    """What `compare` counts for each of Q queries.

    `same` and `one_off` (Q, bits + 1): database items at each distance whose label set is the
    query's, and differs from it by exactly one label. `nearest` (Q, 3): items at the least
    distance, those of them with the same set, those one label off. `variance` (Q,) of the
    distances within the set, and `independent` (Q,), the variance they would have if bits differed
    independently of each other, each at its own rate; both are 0 for fewer than two items.
    """

    same: Counts
    one_off: Counts
    nearest: Counts
    variance: Floats
    independent: Floats

    def rows(self, chosen: NDArray[np.bool_]) -> SetDistances:
        """The chosen queries."""
        return SetDistances(
            self.same[chosen],
            self.one_off[chosen],
            self.nearest[chosen],
            self.variance[chosen],
            self.independent[chosen],
        )


@compiled
def _compare(
    code: Any, mask: Any, words: Any, masks: Any, most_pairs: int,
    same: Any, one_off: Any, nearest: Any, differing: Any, moments: Any,
) -> None:  # fmt: skip
    """One query with all items. `differing` counts bits, `moments` is the sum of 1, d, d^2."""
    least = len(differing) + 1
    for item in range(len(words)):
        distance, labels = 0, 0
        for w in range(len(code)):
            distance += int(popcount(words[item, w] ^ code[w]))
        for w in range(len(mask)):
            labels += int(popcount(masks[item, w] ^ mask[w]))
        if distance < least:
            least = distance
            nearest[:] = 0
        if distance == least:
            nearest[0] += 1
            nearest[1] += labels == 0
            nearest[2] += labels == 1
        if labels == 1:
            one_off[distance] += 1
        if labels == 0:
            same[distance] += 1
            if moments[0] < most_pairs:
                moments[0] += 1
                moments[1] += distance
                moments[2] += distance * distance
                for bit in range(len(differing)):
                    word = (words[item, bit >> 6] ^ code[bit >> 6]) >> np.uint64(bit & 63)
                    differing[bit] += word & np.uint64(1)


def compare(
    query: Codes,
    database: Codes,
    query_labels: LabelMasks,
    database_labels: LabelMasks,
    threads: int,
) -> SetDistances:
    """Compares every query with every database item; queries are shared out over `threads`."""
    queries, bits = len(query), query.bits
    same, one_off = (np.zeros((queries, bits + 1), np.int64) for _ in range(2))
    nearest, moments = (np.zeros((queries, 3), np.int64) for _ in range(2))
    differing = np.zeros((queries, bits), np.uint64)
    words, masks = (np.ascontiguousarray(part.words) for part in (database, database_labels))
    codes, labels = (np.ascontiguousarray(part.words) for part in (query, query_labels))

    def one(row: int) -> None:
        _compare(
            codes[row], labels[row], words, masks, PAIRS_FOR_VARIANCE,
            same[row], one_off[row], nearest[row], differing[row], moments[row],
        )  # fmt: skip

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, range(queries)))
    n = np.maximum(moments[:, 0], 1).astype(np.float64)
    unbias = np.where(n > 1, n / np.maximum(n - 1, 1), 0.0)
    share = differing / n[:, None]
    variance = moments[:, 2] / n - (moments[:, 1] / n) ** 2
    return SetDistances(
        same, one_off, nearest, variance * unbias, np.sum(share * (1 - share), axis=1) * unbias
    )
