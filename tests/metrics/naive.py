"""Slow references, written from the definitions: rank the items, then count.

A query is `distances` (N,) and `levels` (N,), the number of labels shared with each item.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from hashbench.metrics.metric import Metric


def value(metric: Metric, distances: list[int], levels: list[int]) -> float:
    """The metric of one query under its tie rule, by looking at every order within ties."""
    if metric.cut == "radius":
        return within_radius(metric, distances, levels)
    if metric.tie == "index":
        order = sorted(range(len(distances)), key=distances.__getitem__)
        return of_ranking(metric, [levels[i] for i in order])
    values = [of_ranking(metric, ranking) for ranking in all_rankings(distances, levels)]
    if metric.tie == "expected":
        return math.fsum(values) / len(values)
    return max(values) if metric.tie == "best" else min(values)


def all_rankings(distances: list[int], levels: list[int]) -> Iterator[list[int]]:
    """Every distinct order of the levels; all are equally likely."""
    groups = [
        sorted(set(itertools.permutations(
            [level for d, level in zip(distances, levels, strict=True) if d == distance]
        )))
        for distance in sorted(set(distances))
    ]  # fmt: skip
    for parts in itertools.product(*groups):
        yield list(itertools.chain.from_iterable(parts))


def of_ranking(metric: Metric, ranking: list[int]) -> float:
    """The metric of one query whose items are ranked without ties."""
    relevant = [level > 0 for level in ranking]
    total = sum(relevant)
    if total == 0:
        return 0.0
    depth = len(ranking) if metric.cut in ("all", "first") else min(metric.number, len(ranking))
    hits = sum(relevant[:depth])
    if metric.measure == "P":
        return hits / depth
    if metric.measure == "R":
        return hits / total
    if metric.measure == "nDCG":
        return dcg(metric, ranking[:depth]) / dcg(metric, sorted(ranking, reverse=True)[:depth])
    ranks = [i + 1 for i, hit in enumerate(relevant[:depth]) if hit]
    if metric.cut == "first":
        ranks = ranks[: metric.number]
    precisions = [(i + 1) / rank for i, rank in enumerate(ranks)]
    if denominator(metric) == "hits" or metric.cut == "first":
        return sum(precisions) / len(precisions) if precisions else 0.0
    return sum(precisions) / min(total, metric.number or total)


def denominator(metric: Metric) -> str:
    return metric.option("denominator") if metric.measure == "mAP" else ""


def dcg(metric: Metric, ranking: list[int]) -> float:
    gain = (lambda s: s) if metric.option("gain") == "linear" else (lambda s: 2**s - 1)
    return sum(gain(level) / math.log2(i + 2) for i, level in enumerate(ranking))


def within_radius(metric: Metric, distances: list[int], levels: list[int]) -> float:
    ball = [level for d, level in zip(distances, levels, strict=True) if d <= metric.number]
    hits = sum(level > 0 for level in ball)
    whole = len(ball) if metric.measure == "P" else sum(level > 0 for level in levels)
    return hits / whole if whole else 0.0


def distance(query: np.ndarray, item: np.ndarray, table: np.ndarray | None = None) -> int:
    """Hamming distance of two boolean codes, or the sum over bytes of a distance table."""
    differing = query != item
    if table is None:
        return int(differing.sum())
    return int(table[np.packbits(differing, bitorder="little")].sum())


def expected_by_positions(
    groups: list[tuple[int, int]], number: int, *, first: bool, by_hits: bool
) -> float:
    """Expected AP of (items, relevant) groups, following the hits position by position.

    The state after each position is how many hits there were; each state carries its chance and
    the chance-weighted sum of precisions so far. Nothing of the closed forms is used.
    """
    total = sum(r for _, r in groups)
    state = {0: (1.0, 0.0)}
    position = before = 0
    for n, r in groups:
        for i in range(n):
            position += 1
            if not first and position > number:
                break
            after: dict[int, tuple[float, float]] = {}
            for hits, (chance, weighted) in state.items():
                left = r - (hits - before)
                for hit, p in ((1, left / (n - i)), (0, 1 - left / (n - i))):
                    if p > 0:
                        counts = hit and (not first or hits < number)
                        more = (hits + 1) / position if counts else 0.0
                        old = after.get(hits + hit, (0.0, 0.0))
                        after[hits + hit] = (
                            old[0] + p * chance,
                            old[1] + p * (weighted + chance * more),
                        )
            state = after
        before += r
        if not first and position > number:
            break
    if by_hits:
        return math.fsum(w / hits for hits, (_, w) in state.items() if hits)
    return math.fsum(w for _, w in state.values()) / min(number, total)
