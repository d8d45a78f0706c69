"""Noisy and thinned captions: what training reads of the captions of its items.

Only captions that are trained on are touched; validation and test queries and the database are
encoded with the captions as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hashbench.datasets.masks import share_of

Captions = Sequence[tuple[str, ...]]


def corrupted_captions(
    captions: Captions, noise: float, drop: float, seed: int
) -> list[tuple[str, ...]]:
    """The captions of n items with words left out and words exchanged.

    Words are what white space separates. `drop` leaves out that share of all words, which may empty
    a caption; `noise` then exchanges that share of the words that are left for words drawn from all
    captions, frequent ones more often. Both shares are exact over all captions, and each has a
    stream of its own, so that runs which differ in one of them share the other.
    """
    dropping, exchanging = np.random.default_rng([seed, 0xCA971]).spawn(2)
    words = [word for item in captions for caption in item for word in caption.split()]
    kept = np.ones(len(words), dtype=bool)
    kept[dropping.permutation(len(words))[: share_of(len(words), drop)]] = False
    # an order of all words, so that what noise picks does not depend on what drop leaves
    order = exchanging.permutation(len(words))
    exchanged = order[kept[order]][: share_of(int(kept.sum()), noise)]
    drawn = exchanging.integers(0, max(1, len(words)), size=len(words))
    corrupted = list(words)
    for place in exchanged.tolist():
        corrupted[place] = words[drawn[place]]
    result, place = [], 0
    for item in captions:
        texts = []
        for caption in item:
            end = place + len(caption.split())
            texts.append(" ".join(corrupted[i] for i in range(place, end) if kept[i]))
            place = end
        result.append(tuple(texts))
    return result
