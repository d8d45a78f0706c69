"""What training sees of the labels: incomplete, noisy and sparse labels, as explicit masks.

Only training labels are ever touched; relevance at evaluation uses the full ones.
"""

from __future__ import annotations

import numpy as np

from hashbench.datasets.base import BoolArray
from hashbench.plan.spec import LabelSpec


def visible_labels(labels: BoolArray, spec: LabelSpec, seed: int) -> tuple[BoolArray, BoolArray]:
    """(labels, known), both (n, C): what is left of the full `labels` (n, C), and where.

    In this order: `sparsity` drops that share of the positives (they read as negatives), `noise`
    flips that share of all entries, and all but `known_ratio` of the entries become unknown, drawn
    uniformly over the grid (PCRIL, section 4.1: exactly int(n C (1 - ratio)) of them). Unknown
    entries are False in both results.
    """
    rng = np.random.default_rng([seed, 0x1ABE1])
    seen = labels.copy()
    positives = np.flatnonzero(seen)
    dropped = rng.permutation(positives)[: int(len(positives) * spec.sparsity)]
    seen.flat[dropped] = False
    flipped = rng.permutation(seen.size)[: int(seen.size * spec.noise)]
    seen.flat[flipped] = ~seen.flat[flipped]
    known = np.ones_like(seen)
    hidden = rng.permutation(seen.size)[: int(seen.size * (1 - spec.known_ratio))]
    known.flat[hidden] = False
    return seen & known, known
