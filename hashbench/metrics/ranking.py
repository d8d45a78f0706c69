"""Scores: every metric of `hashbench.metrics.names`, exactly, under every tie rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import InputError
from hashbench.metrics.average_precision import average_precision
from hashbench.metrics.histograms import (
    Histograms,
    Progress,
    Sides,
    Walked,
    check_sides,
    count_histograms,
    levels_for,
    walk_in_order,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hashbench.metrics.codes import Codes, LabelMasks
    from hashbench.metrics.names import Distance, Gain, Metric

Values = NDArray[np.float64]
Ordered = Literal["expected", "best", "worst"]

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

    Memory beside the arguments is bounded (about 100 MB), whatever the number of items; a memory
    map is read piece by piece. `progress` is told the pairs done and to do. Raises InputError
    where the sides do not fit each other or no query has a relevant item to be scored by.
    """
    check_sides(query_codes, database_codes, query_labels, database_labels)
    metrics = list(metrics)
    groups = {distance: [m for m in metrics if m.distance == distance]
              for distance in dict.fromkeys(m.distance for m in metrics)}  # fmt: skip
    passes = sum(1 + any(m.tie == "index" for m in group) for group in groups.values())
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


def per_query_values(
    histograms: Histograms, metric: Metric, walked: Walked | None = None
) -> Values:
    """(Q,) values of one metric; 0 for a query without relevant items.

    tie=index needs what `walk_in_order` found at the metric's cut-off.
    """
    if metric.tie == "index" and metric.has_ties and walked is None:
        raise InputError(f"{metric} needs a walk in database order, not histograms alone")
    items, relevant = histograms.items, histograms.relevant
    if metric.cut == "radius":
        return _within_radius(items, relevant, metric)
    if metric.kind == "nDCG":
        return _ndcg(histograms, metric, walked)
    if metric.kind == "mAP":
        if metric.tie != "index":
            return average_precision(items, relevant, metric)
        return _indexed_average_precision(items, relevant, metric, _walked(walked))
    found = _hits_at(items, relevant, metric, walked)
    if metric.kind == "P":
        return found / _depth(items, metric)
    return _divide(found, relevant.sum(axis=1))


def random_floor(histograms: Histograms, metric: Metric) -> Values:
    """(Q,) expected values of a ranking in random order (within a radius: of a random ball)."""
    if metric.cut == "radius":
        items, relevant = histograms.items, histograms.relevant
        ball = items[:, : metric.number + 1].sum(axis=1)
        total, share = items.sum(axis=1), relevant.sum(axis=1)
        if metric.kind == "P":
            return np.where(ball > 0, _divide(share, total), 0.0)
        return np.where(share > 0, _divide(ball, total), 0.0)
    one_distance = Histograms(histograms.counts.sum(axis=1, keepdims=True), histograms.graded)
    return per_query_values(one_distance, metric.with_tie("expected"))


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """A precision-recall curve over Hamming radii 0 .. bits, each array (bits + 1,).

    Means over the queries with a relevant item; precision only over those whose ball holds
    anything (NaN where none does), `empty_balls` being the share of the others.
    """

    radius: NDArray[np.int64]
    precision: Values
    recall: Values
    empty_balls: Values


def precision_recall_curve(histograms: Histograms) -> PrecisionRecall:
    """Precision and recall within each Hamming radius; InputError where no query has relevants."""
    counted = histograms.relevant.sum(axis=1) > 0
    if not counted.any():
        raise InputError("no query has a relevant item in the database")
    ball = histograms.items[counted].cumsum(axis=1)
    found = histograms.relevant[counted].cumsum(axis=1)
    filled = (ball > 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        precision = _divide(found, ball).sum(axis=0) / filled
    return PrecisionRecall(
        radius=np.arange(ball.shape[1]),
        precision=precision,
        recall=(found / found[:, -1:]).mean(axis=0),
        empty_balls=1 - filled / len(ball),
    )


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
    indexed = [metric for metric in metrics if metric.tie == "index"]
    gains: list[Gain] = sorted({m.gain for m in indexed if m.kind == "nDCG"}) or ["linear"]
    for gain in gains if indexed else []:
        ours = [m for m in indexed if m.gain == gain or m.kind != "nDCG"]
        depth = [_depth(histograms.items, metric) for metric in ours if metric.cut != "first"]
        with_ndcg = any(metric.kind == "nDCG" for metric in ours)
        walks[gain] = walk_in_order(
            histograms,
            *sides,
            rank_cuts=depth,
            first_cuts=[metric.number for metric in ours if metric.cut == "first"],
            discounts=_discounts(max(depth)) if with_ndcg else None,
            gains=_gains(gain, histograms.counts.shape[2]) if with_ndcg else None,
            distance=distance,
            threads=threads,
            progress=meter.of_pass,
        )
    relevant = histograms.relevant.sum(axis=1)
    columns = {}
    for metric in metrics:
        walked = walks.get(metric.gain, walks.get(gains[0]))
        ball = histograms.items[:, : metric.number + 1].sum(axis=1)
        columns[metric] = _Columns(
            per_query_values(histograms, metric, walked),
            relevant,
            ball > 0,
            random_floor(histograms, metric) if floors else None,
        )
    return columns


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


def _depth(items: NDArray[np.int64], metric: Metric) -> int:
    """The cut-off in ranks: K, but never more than the database holds."""
    database = int(items[0].sum())
    return database if metric.cut == "all" else min(metric.number, database)


def _divide(a: NDArray[np.int64] | Values, b: NDArray[np.int64]) -> Values:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)


def _walked(walked: Walked | None) -> Walked:
    if walked is None:
        raise InputError("tie=index needs a walk in database order")
    return walked


def _within_radius(items: NDArray[np.int64], relevant: NDArray[np.int64], metric: Metric) -> Values:
    found = relevant[:, : metric.number + 1].sum(axis=1)
    whole = items[:, : metric.number + 1] if metric.kind == "P" else relevant
    return _divide(found, whole.sum(axis=1))


def _hits_at(
    items: NDArray[np.int64], relevant: NDArray[np.int64], metric: Metric, walked: Walked | None
) -> Values:
    """Relevant items among the first K ranks: the group at the cut-off gives m of its n items."""
    depth = _depth(items, metric)
    if metric.tie == "index":
        walk = _walked(walked)
        return walk.hits[:, walk.rank_cuts.index(depth)]
    reached = items.cumsum(axis=1)
    group = (reached >= depth).argmax(axis=1)[:, None]
    n, r = (np.take_along_axis(counts, group, axis=1)[:, 0] for counts in (items, relevant))
    before = np.take_along_axis(reached, group, axis=1)[:, 0] - n
    hits = np.take_along_axis(relevant.cumsum(axis=1), group, axis=1)[:, 0] - r
    m = depth - before
    if metric.tie == "best":
        return (hits + np.minimum(r, m)).astype(np.float64)
    if metric.tie == "worst":
        return (hits + np.maximum(0, m - (n - r))).astype(np.float64)
    return np.asarray(hits + m * r / n)


def _indexed_average_precision(
    items: NDArray[np.int64], relevant: NDArray[np.int64], metric: Metric, walked: Walked
) -> Values:
    wanted = relevant.sum(axis=1)
    if metric.cut == "first":
        sums = walked.first_sum[:, walked.first_cuts.index(metric.number)]
        return _divide(sums, np.minimum(wanted, metric.number))
    column = walked.rank_cuts.index(_depth(items, metric))
    if metric.denominator == "hits":
        wanted = walked.hits[:, column].astype(np.int64)
    elif metric.cut == "rank":
        wanted = np.minimum(wanted, metric.number)
    return _divide(walked.precision_sum[:, column], wanted)


def _discounts(depth: int) -> Values:
    """1 / log2(rank + 1) at [rank], for ranks 1 .. depth; 0 at [0]."""
    ranks = np.arange(depth + 1, dtype=np.float64)
    ranks[1:] = 1 / np.log2(ranks[1:] + 1)
    return ranks


def _gains(gain: Gain, levels: int) -> Values:
    """Gain of s shared labels: s, or 2^s - 1 over 2^(levels - 1), since nDCG is a ratio."""
    shared = np.arange(levels, dtype=np.float64)
    return shared if gain == "linear" else np.exp2(shared - levels + 1) - np.exp2(1.0 - levels)


def _ndcg(histograms: Histograms, metric: Metric, walked: Walked | None) -> Values:
    """Normalised discounted cumulative gain at K (Jarvelin and Kekalainen 2002).

    Ties are averaged as by McSherry and Najork (2008): each rank of a group has its mean gain.
    """
    if not histograms.graded:
        raise InputError(f"{metric} needs graded histograms")
    counts = histograms.counts
    depth = _depth(histograms.items, metric)
    reach = np.concatenate([[0.0], np.cumsum(_discounts(depth)[1:])])  # ranks 1 .. k together
    gains = _gains(metric.gain, counts.shape[2])

    def in_a_row(blocks: NDArray[np.int64], order: slice) -> Values:
        """DCG of consecutive blocks of equal gain, (Q, ..., levels), levels taken in `order`."""
        ends = blocks[..., order].reshape(len(blocks), -1).cumsum(axis=1)
        starts = ends - blocks[..., order].reshape(len(blocks), -1)
        span = reach[np.minimum(ends, depth)] - reach[np.minimum(starts, depth)]
        repeated = np.tile(gains[order], span.shape[1] // len(gains))
        return np.asarray(span @ repeated)

    falling, rising = slice(None, None, -1), slice(None)
    if metric.tie == "index":
        walk = _walked(walked)
        dcg = walk.dcg[:, walk.rank_cuts.index(depth)]
    elif metric.tie == "expected":
        items = histograms.items
        ends = items.cumsum(axis=1)
        span = reach[np.minimum(ends, depth)] - reach[np.minimum(ends - items, depth)]
        dcg = (_divide(counts @ gains, items) * span).sum(axis=1)
    else:
        dcg = in_a_row(counts, falling if metric.tie == "best" else rising)
    ideal = in_a_row(counts.sum(axis=1), falling)
    return np.divide(dcg, ideal, out=np.zeros(len(dcg)), where=ideal > 0)
