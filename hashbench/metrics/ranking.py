"""Scores: every metric of `hashbench.metrics.metric`, exactly, under every tie rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hashbench.errors import InputError
from hashbench.metrics.cutoffs import depth_in_ranks
from hashbench.metrics.histograms import (
    Counts,
    DatabaseWalk,
    Histograms,
    Progress,
    RankingInputs,
    Values,
    check_inputs,
    count_histograms,
    levels_for,
    walk_in_order,
)
from hashbench.metrics.per_query import per_query_values
from hashbench.metrics.random_floor import random_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from hashbench.metrics.codes import Codes, LabelMasks
    from hashbench.metrics.metric import Distance, Metric

_BINS_AT_ONCE = 1 << 21  # 16 MiB of counts


@dataclass(frozen=True, eq=False)
class Score:
    """One metric, scored. `value` is the mean of `per_query` over the `counted` queries.

    `per_query` (Q,) is NaN for queries left out. `without_relevant` queries have no relevant
    database item: left out, or counted as 0, as `metric.empty` says. `empty_balls` is the share of
    the counted queries that find nothing within the radius (None for other cut-offs); precision
    is 0 there. `floor` is the value that random codes would have, where it was asked for: see
    `hashbench.metrics.random_floor`.
    """

    metric: Metric
    value: float
    per_query: Values
    counted: int
    without_relevant: int
    empty_balls: float | None = None
    floor: float | None = None


def evaluate(
    query_codes: Codes,
    database_codes: Codes,
    query_labels: LabelMasks,
    database_labels: LabelMasks,
    metrics: Sequence[Metric],
    *,
    floors: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Score]:
    """Score all `metrics` in as few passes over the pairs as they need: one, or two with tie=index.

    Memory beside the arguments is bounded (about 100 MB), whatever the number of items, but for
    nDCG@all, which takes 16 bytes a database item; a memory map is read piece by piece.
    `progress` is called with the pairs done and to do. Raises InputError where the inputs do not
    fit each other or no query has a relevant item to be scored by.
    """
    check_inputs(query_codes, database_codes, query_labels, database_labels)
    metrics = list(metrics)
    groups = by_distance(metrics)
    passes = sum(1 + len(_walks_needed(group)) for group in groups.values())
    meter = Meter(progress, passes * len(query_codes) * len(database_codes))
    results: dict[Metric, _PerQuery] = {}
    for distance, group in groups.items():
        graded = needs_grades(group)
        levels = levels_for(query_labels, graded=graded)
        blocks = []
        for rows in query_blocks(len(query_codes), query_codes.bits, levels):
            inputs = query_codes[rows], database_codes, query_labels[rows], database_labels
            histograms = count_histograms(
                *inputs, graded=graded, distance=distance, threads=threads, progress=meter.of_pass
            )
            walks = {
                key: _walk(inputs, histograms, group, key, threads=threads, meter=meter)
                for key in _walks_needed(group)
            }
            blocks.append(_score_block(histograms, group, walks, floors=floors))
        results |= {metric: _PerQuery.join([block[metric] for block in blocks]) for metric in group}
    return [_summarise(metric, results[metric]) for metric in metrics]


def evaluate_histograms(
    blocks_of: Callable[[Distance], Iterable[Histograms]],
    metrics: Sequence[Metric],
    *,
    floors: bool = False,
) -> list[Score]:
    """The scores that `evaluate` gives, to the bit, from the histograms of the whole database.

    `blocks_of` a distance yields those of the queries in the blocks of `query_blocks`, graded where
    the metrics of that distance need it. Raises InputError for a metric of which histograms do not
    hold enough (`why_not_from_histograms`).
    """
    for metric in metrics:
        if reason := why_not_from_histograms(metric):
            raise InputError(f"{metric}: {reason}")
    results: dict[Metric, _PerQuery] = {}
    for distance, group in by_distance(metrics).items():
        blocks = [_score_block(block, group, {}, floors=floors) for block in blocks_of(distance)]
        results |= {metric: _PerQuery.join([block[metric] for block in blocks]) for metric in group}
    return [_summarise(metric, results[metric]) for metric in metrics]


def why_not_from_histograms(metric: Metric) -> str:
    """Why a metric does not follow from histograms; empty where it does, as it does unless ties are
    in database order.
    """
    if metric.tie == "index" and metric.has_ties:
        return "ties in database order need a walk through the whole database, in order"
    return ""


def by_distance(metrics: Sequence[Metric]) -> dict[Distance, list[Metric]]:
    """The metrics of each distance, which one pass over the pairs serves."""
    return {distance: [m for m in metrics if m.distance == distance]
            for distance in dict.fromkeys(m.distance for m in metrics)}  # fmt: skip


def needs_grades(metrics: Iterable[Metric]) -> bool:
    """Whether their histograms must be graded, which then serve all: they tell relevant from not,
    too.
    """
    return any(metric.card.graded for metric in metrics)


def query_blocks(queries: int, bits: int, levels: int) -> list[slice]:
    """The queries in blocks whose histograms stay within 16 MiB."""
    step = max(1, _BINS_AT_ONCE // ((bits + 1) * levels))
    return [slice(start, min(start + step, queries)) for start in range(0, queries, step)]


@dataclass(frozen=True, eq=False)
class _PerQuery:
    """Per-query results of one metric: its values, the relevant items, the filled balls, floors."""

    values: Values
    relevant: NDArray[np.int64]
    filled: NDArray[np.bool_]
    floors: Values | None

    @classmethod
    def join(cls, blocks: list[_PerQuery]) -> _PerQuery:
        floors = [block.floors for block in blocks if block.floors is not None]
        return cls(
            np.concatenate([block.values for block in blocks]),
            np.concatenate([block.relevant for block in blocks]),
            np.concatenate([block.filled for block in blocks]),
            np.concatenate(floors) if floors else None,
        )


class Meter:
    """Adds up the progress of several passes."""

    def __init__(self, progress: Progress | None, pairs: int) -> None:
        self.progress, self.pairs, self.done = progress, pairs, 0

    def of_pass(self, done: int, pairs: int) -> None:
        if self.progress is not None:
            self.progress(self.done + done, self.pairs)
        if done == pairs:
            self.done += pairs


def _score_block(
    histograms: Histograms,
    metrics: list[Metric],
    walks: Mapping[GainsKey, DatabaseWalk],
    *,
    floors: bool,
) -> dict[Metric, _PerQuery]:
    relevance = histograms.counts.sum(axis=1)
    relevant: Counts = relevance[:, 1:].sum(axis=1)
    bits = histograms.counts.shape[1] - 1
    results = {}
    for metric in metrics:
        # any walk serves a metric without gains of its own
        walk = walks.get(_gains_key(metric)) or next(iter(walks.values()), None)
        ball = histograms.items[:, : metric.number + 1].sum(axis=1)
        results[metric] = _PerQuery(
            per_query_values(histograms, metric, walk),
            relevant,
            ball > 0,
            random_values(relevance, metric, bits) if floors else None,
        )
    return results


GainsKey = tuple[str, tuple[tuple[str, str], ...]] | None
"""Measure and its options, where they have gains of their own."""


def _gains_key(metric: Metric) -> GainsKey:
    return None if metric.card.gains is None else (metric.measure, metric.own)


def _walks_needed(metrics: list[Metric]) -> list[GainsKey]:
    """One walk in database order for each set of gains; without gains one walk for all."""
    indexed = [metric for metric in metrics if metric.tie == "index"]
    keys = dict.fromkeys(_gains_key(metric) for metric in indexed)
    return [key for key in keys if key is not None] or list(keys)


def _walk(
    inputs: RankingInputs,
    histograms: Histograms,
    metrics: list[Metric],
    key: GainsKey,
    *,
    threads: int | None,
    meter: Meter,
) -> DatabaseWalk:
    """The walk at the cut-offs of the metrics that have these gains, or none of their own."""
    indexed = [m for m in metrics if m.tie == "index" and _gains_key(m) in (key, None)]
    depths = [depth_in_ranks(histograms.items, m) for m in indexed if m.cut != "first"]
    weighted = next((metric for metric in indexed if _gains_key(metric) is not None), None)
    discounts = gains = None
    if weighted is not None and weighted.card.gains and weighted.card.discounts:
        discounts = weighted.card.discounts(max(depths))
        gains = weighted.card.gains(weighted, histograms.counts.shape[2])
    return walk_in_order(
        histograms,
        *inputs,
        rank_cuts=depths,
        first_cuts=[metric.number for metric in indexed if metric.cut == "first"],
        discounts=discounts,
        gains=gains,
        distance=indexed[0].distance,
        threads=threads,
        progress=meter.of_pass,
    )


def _summarise(metric: Metric, scored: _PerQuery) -> Score:
    has_relevant = scored.relevant > 0
    counted = has_relevant if metric.empty == "exclude" else np.ones_like(has_relevant)
    if not counted.any():
        raise InputError(
            f"{metric}: no query has a relevant item in the database",
            remedy="check that query and database labels use the same classes",
        )
    filled = scored.filled[counted]
    return Score(
        metric=metric,
        value=float(scored.values[counted].mean()),
        per_query=np.where(counted, scored.values, np.nan),
        counted=int(counted.sum()),
        without_relevant=int((~has_relevant).sum()),
        empty_balls=float(1 - filled.mean()) if metric.cut == "radius" else None,
        floor=None if scored.floors is None else float(scored.floors[counted].mean()),
    )
