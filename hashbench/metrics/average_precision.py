"""Average precision from histograms, in closed form for every cut-off and tie rule.

Within one distance, n items of which r are relevant come in any order with equal chance. After a
nearer items with s hits among them, an item at position i of the group has precision (hits so
far) / (a + i), and sums of 1 / (a + i) are differences of harmonic numbers, so a whole group costs
the same as one item. Where a cut-off falls inside a group, the number of hits before it is
hypergeometric (rank cut-off), the position of the last counted hit negative hypergeometric
(cut-off at the first K hits); both are summed from their mode outwards.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hashbench.metrics.jit import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hashbench.metrics.metric import Metric

_RULES = {"expected": 0, "best": 1, "worst": 2}
_EXPECTED, _BEST = 0, 1
_CUTS = {"all": 0, "rank": 1, "first": 2}
_RANK, _FIRST = 1, 2
_NEGLIGIBLE = 1e-20  # relative weight at which a sum over a unimodal distribution ends


def average_precision(
    items: NDArray[np.int64],
    relevant: NDArray[np.int64],
    metric: Metric,
    tie: Literal["expected", "best", "worst"] | None = None,
) -> NDArray[np.float64]:
    """(Q,) average precision from (Q, distances) counts; 0 for a query without relevant items.

    `tie` overrides the rule of the metric. Database order is not among the counts.
    """
    values = np.zeros(len(items))
    rule = _RULES[metric.tie if tie is None else tie]
    by_hits = metric.option("denominator") == "hits"
    _average_precision(
        np.ascontiguousarray(items), np.ascontiguousarray(relevant), _CUTS[metric.cut],
        metric.number, by_hits, rule, values,
    )  # fmt: skip
    return values


@compiled
def _average_precision(
    items: Any, relevant: Any, cut: int, number: int, by_hits: bool, rule: int, values: Any
) -> None:
    for q in range(len(items)):
        most_hits = relevant[q].sum()
        if most_hits == 0:
            continue
        if cut != 0 and not by_hits:
            most_hits = min(most_hits, number)
        # Typed zeros: from a literal 0, numba would compile the functions below twice.
        before: Any = np.int64(0)
        hits: Any = np.int64(0)
        total, value = 0.0, -1.0
        for d in range(items.shape[1]):
            n, r = items[q, d], relevant[q, d]
            if cut == _RANK and before + n > number:
                m = number - before
                if by_hits:
                    value = _ratio_at_cut(before, hits, n, r, m, total, rule)
                else:
                    total += _group(before, hits, n, r, m, rule)
                break
            if cut == _FIRST and hits + r > most_hits:
                total += _group_to_hit(before, hits, n, r, most_hits - hits, rule)
                break
            total += _group(before, hits, n, r, n, rule)
            before += n
            hits += r
        if value < 0.0:
            denominator = hits if by_hits else most_hits
            value = total / denominator if denominator > 0 else 0.0
        values[q] = value


@compiled
def _harmonic(a: int, n: int) -> float:
    """1 / (a + 1) + ... + 1 / (a + n), accurate also where n is tiny against a."""
    total = 0.0
    while a < 32 and n > 0:
        a += 1
        n -= 1
        total += 1.0 / a
    if n == 0:
        return total
    low, high = float(a), float(a + n)
    u, v = 1.0 / (low * low), 1.0 / (high * high)
    tail = -(v - u) / 12.0 + (v**2 - u**2) / 120.0 - (v**3 - u**3) / 252.0 + (v**4 - u**4) / 240.0
    return total + math.log1p(n / low) - 0.5 * n / (low * high) + tail


@compiled
def _group(a: int, s: int, n: int, r: int, m: int, rule: int) -> float:
    """Sum of precisions at the hits among the first m of a group's n positions, r of n relevant."""
    if r == 0 or m == 0:
        return 0.0
    if rule == _EXPECTED:
        sums = _harmonic(a, m)
        more = (r - 1.0) / (n - 1.0) if n > 1 else 0.0
        return (r / n) * ((s + 1) * sums + more * (m - (a + 1) * sums))
    if rule == _BEST:
        return _in_a_row(a, s, min(r, m))
    x = max(0, m - (n - r))
    return _in_a_row(a + m - x, s, x)


@compiled
def _in_a_row(a: int, s: int, x: int) -> float:
    """Sum of precisions of x hits at positions a + 1 .. a + x after s hits."""
    return x - (a - s) * _harmonic(a, x)


@compiled
def _ratio_at_cut(a: int, s: int, n: int, r: int, m: int, total: float, rule: int) -> float:
    """mAP@K/hits of one query: (sum of precisions) / hits, the cut-off after m of a group's n.

    The hits are random too, so the expectation is taken of the ratio, over x hits of the group
    before the cut-off. A ratio can fall with one more hit: best and worst look at every x.
    """
    low, high = max(0, m - (n - r)), min(r, m)
    if rule == _EXPECTED:
        mode = min(max((m + 1) * (r + 1) // (n + 2), low), high)
        weights = weighted = 0.0
        for direction in (1, -1):
            x, weight = mode, 1.0
            while low <= x <= high and weight > _NEGLIGIBLE:
                if direction == 1 or x != mode:
                    weights += weight
                    weighted += weight * _ratio(s, x, total + _group(a, s, m, x, m, rule))
                if direction == 1:
                    weight *= float(r - x) * (m - x) / (float(x + 1) * (n - r - m + x + 1))
                else:
                    weight *= float(x) * (n - r - m + x) / (float(r - x + 1) * (m - x + 1))
                x += direction
        return weighted / weights
    best = -1.0
    for x in range(low, high + 1):
        value = _ratio(s, x, total + _group(a, s, m, x, m, rule))
        if best < 0.0 or (value > best if rule == _BEST else value < best):
            best = value
    return best


@compiled
def _ratio(s: int, x: int, total: float) -> float:
    return total / (s + x) if s + x > 0 else 0.0


@compiled
def _group_to_hit(a: int, s: int, n: int, r: int, t: int, rule: int) -> float:
    """Sum of precisions at the first t of a group's r hits, t < r.

    The t-th hit is at position i with chance C(i-1, t-1) C(n-i, r-t) / C(n, r); the t - 1 hits
    before it lie anywhere among the i - 1 positions before.
    """
    if t == 0:
        return 0.0
    if rule != _EXPECTED:
        return _in_a_row(a if rule == _BEST else a + n - r, s, t)
    low, high = t, n - r + t
    mode = min(max((t - 1) * n // (r - 1) + 1, low), high)
    weights = weighted = 0.0
    for direction in (1, -1):
        i, weight = mode, 1.0
        while low <= i <= high and weight > _NEGLIGIBLE:
            if direction == 1 or i != mode:
                weights += weight
                weighted += weight * ((s + t) / (a + i) + _group(a, s, i - 1, t - 1, i - 1, rule))
            if direction == 1:
                weight *= float(i) * (high - i) / (float(i - t + 1) * (n - i))
            elif i > low:
                weight *= float(i - t) * (n - i + 1) / (float(i - 1) * (high - i + 1))
            i += direction
    return weighted / weights
