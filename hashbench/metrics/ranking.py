"""Scores: every metric of `hashbench.metrics.metric`, exactly, under every tie rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hashbench.errors import InputError
from hashbench.metrics.histograms import (
    Progress,
    Sides,
    Walked,
    check_sides,
    count_histograms,
    levels_for,
    walk_in_order,
)
from hashbench.metrics.per_query import (
    Values,
    depth_in_ranks,
    discounts_by_rank,
    gains_by_level,
    per_query_values,
    random_floor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hashbench.metrics.codes import Codes, LabelMasks
    from hashbench.metrics.metric import Distance, Gain, Metric

_BINS_AT_ONCE = 1 << 21  # queries are scored in blocks whose histograms stay within 16 MiB


@dataclass(frozen=True, eq=False)
class Score:
    """One metric, scored. `value` is the mean of `per_query` over the `counted` queries.

    `per_query` (Q,) is NaN for queries left out. `without_relevant` queries have no relevant
    database item: left out, or counted as 0, as `metric.empty` says. `empty_balls` is the share of
    the counted queries that find nothing within the radius (None for other cut-offs); precision
    is 0 there. `floor` is the value that a random ranking would have, where it was asked for.
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
    `progress` is told the pairs done and to do. Raises InputError where the sides do not fit each
    other or no query has a relevant item to be scored by.
    """
    check_sides(query_codes, database_codes, query_labels, database_labels)
    metrics = list(metrics)
    groups = {distance: [m for m in metrics if m.distance == distance]
              for distance in dict.fromkeys(m.distance for m in metrics)}  # fmt: skip
    passes = sum(1 + len(_gains_walked(group)) for group in groups.values())
    meter = _Meter(progress, passes * len(query_codes) * len(database_codes))
    columns: dict[Metric, _Columns] = {}
    for distance, group in groups.items():
        graded = any(metric.kind == "nDCG" for metric in group)
        bins = (query_codes.bits + 1) * levels_for(query_labels, graded=graded)
        step = max(1, _BINS_AT_ONCE // bins)
        blocks = []
        for start in range(0, len(query_codes), step):
            rows = slice(start, start + step)
            sides = query_codes[rows], database_codes, query_labels[rows], database_labels
            blocks.append(
                _score_block(
                    sides,
                    group,
                    distance=distance,
                    graded=graded,
                    floors=floors,
                    threads=threads,
                    meter=meter,
                )
            )
        for metric in group:
            columns[metric] = _Columns.join([block[metric] for block in blocks])
    return [_summarise(metric, columns[metric]) for metric in metrics]


@dataclass(frozen=True, eq=False)
class _Columns:
    """Per-query results of one metric: its values, the relevant items, the filled balls, floors."""

    values: Values
    relevant: NDArray[np.int64]
    filled: NDArray[np.bool_]
    floors: Values | None

    @classmethod
    def join(cls, blocks: list[_Columns]) -> _Columns:
        floors = [block.floors for block in blocks if block.floors is not None]
        return cls(
            np.concatenate([block.values for block in blocks]),
            np.concatenate([block.relevant for block in blocks]),
            np.concatenate([block.filled for block in blocks]),
            np.concatenate(floors) if floors else None,
        )


class _Meter:
    """Adds up the progress of several passes."""

    def __init__(self, progress: Progress | None, pairs: int) -> None:
        self.progress, self.pairs, self.done = progress, pairs, 0

    def of_pass(self, done: int, pairs: int) -> None:
        if self.progress is not None:
            self.progress(self.done + done, self.pairs)
        if done == pairs:
            self.done += pairs


def _score_block(
    sides: Sides,
    metrics: list[Metric],
    *,
    distance: Distance,
    graded: bool,
    floors: bool,
    threads: int | None,
    meter: _Meter,
) -> dict[Metric, _Columns]:
    histograms = count_histograms(
        *sides, graded=graded, distance=distance, threads=threads, progress=meter.of_pass
    )
    walks: dict[Gain, Walked] = {}
    for gain in _gains_walked(metrics):
        ours = [m for m in metrics if m.tie == "index" and m.gain in (gain, "linear")]
        depth = [
            depth_in_ranks(histograms.items, metric) for metric in ours if metric.cut != "first"
        ]
        with_ndcg = any(metric.kind == "nDCG" for metric in ours)
        walks[gain] = walk_in_order(
            histograms,
            *sides,
            rank_cuts=depth,
            first_cuts=[metric.number for metric in ours if metric.cut == "first"],
            discounts=discounts_by_rank(max(depth)) if with_ndcg else None,
            gains=gains_by_level(gain, histograms.counts.shape[2]) if with_ndcg else None,
            distance=distance,
            threads=threads,
            progress=meter.of_pass,
        )
    relevant = histograms.relevant.sum(axis=1)
    columns = {}
    for metric in metrics:
        walked = walks.get(metric.gain) or next(iter(walks.values()), None)
        ball = histograms.items[:, : metric.number + 1].sum(axis=1)
        columns[metric] = _Columns(
            per_query_values(histograms, metric, walked),
            relevant,
            ball > 0,
            random_floor(histograms, metric) if floors else None,
        )
    return columns


def _gains_walked(metrics: list[Metric]) -> list[Gain]:
    """The gains to walk with: a walk in database order serves one, and any metric but nDCG."""
    indexed = [metric for metric in metrics if metric.tie == "index"]
    graded: list[Gain] = sorted({metric.gain for metric in indexed if metric.kind == "nDCG"})
    return graded or (["linear"] if indexed else [])


def _summarise(metric: Metric, columns: _Columns) -> Score:
    has_relevant = columns.relevant > 0
    counted = has_relevant if metric.empty == "exclude" else np.ones_like(has_relevant)
    if not counted.any():
        raise InputError(
            f"{metric}: no query has a relevant item in the database",
            remedy="check that query and database labels use the same classes",
        )
    filled = columns.filled[counted]
    return Score(
        metric=metric,
        value=float(columns.values[counted].mean()),
        per_query=np.where(counted, columns.values, np.nan),
        counted=int(counted.sum()),
        without_relevant=int((~has_relevant).sum()),
        empty_balls=float(1 - filled.mean()) if metric.cut == "radius" else None,
        floor=None if columns.floors is None else float(columns.floors[counted].mean()),
    )
