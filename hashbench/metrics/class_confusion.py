"""Which classes are retrieved for which: shares of the first hits of the queries of a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.histograms import Counts, Values, check_inputs

_PAIRS_AT_ONCE = 1 << 22  # of a block of queries with the database: 16 MiB a matrix


@dataclass(frozen=True, eq=False)
class ClassConfusion:
    """`shares` (C, C): of the first `top` hits of queries of class a, the share that has class b.

    An item may have several labels, so that a row may add up to more than 1. `queries` (C,) are the
    queries of each class, whose row is NaN where there is none; `database` (C,) is the share of the
    database that has each class: what random codes would find.
    """

    top: int
    shares: Values
    queries: Counts
    database: Values


def class_confusion(
    query_codes: Codes,
    database_codes: Codes,
    query_labels: LabelMasks,
    database_labels: LabelMasks,
    top: int,
) -> ClassConfusion:
    """The confusion at rank `top`, or at the size of a smaller database.

    Items that tie at the last rank count by their chance to be there in a random order of them, as
    in expected average precision. Time grows with pairs times classes. Raises InputError where the
    sides do not fit each other or `top` is not positive.
    """
    check_inputs(query_codes, database_codes, query_labels, database_labels)
    if top < 1:
        raise InputError(f"{top} hits are none", where="top", remedy="1 or more")
    top = min(top, len(database_codes))
    members = query_labels.to_bools().astype(np.float32)
    labels = database_labels.to_bools().astype(np.float32)
    signs = _signs(database_codes)
    sums = np.zeros((labels.shape[1], labels.shape[1]))
    step = max(1, _PAIRS_AT_ONCE // max(1, len(labels)))
    for start in range(0, len(members), step):
        rows = slice(start, start + step)
        # exact: float32 holds every integer up to 2^24, and codes have at most 4,096 bits
        distance = ((query_codes.bits - _signs(query_codes[rows]) @ signs.T) / 2).astype(np.int16)
        last = np.partition(distance, top - 1, axis=1)[:, top - 1 : top]
        nearer, tied = distance < last, distance == last
        chance = (top - nearer.sum(axis=1)) / tied.sum(axis=1)
        weight = nearer + chance[:, None].astype(np.float32) * tied
        sums += members[rows].T @ (weight.astype(np.float32) @ labels / top)
    queries = members.sum(axis=0).astype(np.int64)
    shares = np.full_like(sums, np.nan)
    np.divide(sums, queries[:, None], out=shares, where=queries[:, None] > 0)
    return ClassConfusion(top, shares, queries, labels.mean(axis=0, dtype=np.float64))


def _signs(codes: Codes) -> np.ndarray:
    return np.where(codes.to_bools(), np.float32(1), np.float32(-1))
