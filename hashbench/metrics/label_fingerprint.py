"""Whether two sets of codes are scored by the same labels, whatever the order of their classes."""

from __future__ import annotations

import hashlib

import numpy as np

from hashbench.metrics.codes import LabelMasks

_ROWS_AT_ONCE = 1 << 16  # a multiple of 8, so that blocks of packed bits join without gaps


def label_fingerprint(query_labels: LabelMasks, database_labels: LabelMasks) -> str:
    """32 hex digits: equal where both sides have the same items in the same order, by their labels.

    Which class is which column does not matter, nor do classes that no item has: relevance, and so
    every score, depends on neither.
    """
    columns = [hashlib.blake2b(digest_size=16) for _ in range(query_labels.classes)]
    used = np.zeros(query_labels.classes, dtype=np.bool_)
    for labels in (query_labels, database_labels):
        for start in range(0, len(labels), _ROWS_AT_ONCE):
            block = labels[start : start + _ROWS_AT_ONCE].to_bools()
            used |= block.any(axis=0)
            for column, bits in zip(columns, np.packbits(block, axis=0).T, strict=True):
                column.update(np.ascontiguousarray(bits).tobytes())
    whole = hashlib.blake2b(f"{len(query_labels)} {len(database_labels)}".encode(), digest_size=16)
    digests = (column.digest() for column, is_used in zip(columns, used, strict=True) if is_used)
    for digest in sorted(digests):
        whole.update(digest)
    return whole.hexdigest()
