"""How near two class proxies may be: the best binary code of C words tells."""

from __future__ import annotations

DISTANCES = {
    4: {16: 8, 32: 16, 64: 33, 128: 68, 256: 136},
    5: {16: 8, 32: 16, 64: 32, 128: 64, 256: 131},
    7: {16: 6, 32: 14, 64: 32, 128: 64, 256: 128},
    8: {16: 5, 32: 13, 64: 29, 128: 64, 256: 128},
    9: {16: 4, 32: 12, 64: 28, 128: 60, 256: 128},
}
"""dimension k -> length K -> largest minimum distance in the table that DSPH ships, for the usual
lengths and the numbers of classes of the field's data sets (10; 21 and 24; 80; 255; 291).
"""


def cosine_threshold(K: int, classes: int) -> float:
    """zeta = 1 - 2 delta / K: the cosine of two words of a code of length K at distance delta.

    delta is the largest minimum distance of a binary linear code of dimension k = ceil(log2 C): of
    the released table where it is in `DISTANCES`, else Griesmer's bound, which few codes miss by
    more than 2.
    """
    k = max(1, (classes - 1).bit_length())
    delta = DISTANCES.get(k, {}).get(K)
    if delta is None:
        delta = griesmer_distance(K, k)
    return 1.0 - 2.0 * delta / K


def griesmer_distance(K: int, k: int) -> int:
    """The largest delta with sum_{i<k} ceil(delta / 2^i) <= K, 0 where K < k (Griesmer, 1960)."""
    delta = 0
    while sum(-(-(delta + 1) // 2**i) for i in range(k)) <= K:
        delta += 1
    return delta
