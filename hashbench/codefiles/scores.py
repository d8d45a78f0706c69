"""Scores of code files: every metric with its tie range, random floor and significance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hashbench.codefiles.load import RetrievalTask
from hashbench.errors import InputError
from hashbench.metrics.codes import CodeFacts, code_facts
from hashbench.metrics.label_fingerprint import label_fingerprint
from hashbench.metrics.metric import Metric, Tie
from hashbench.metrics.ranking import Score, evaluate
from hashbench.metrics.significance import (
    Interval,
    PairedTest,
    bootstrap_interval,
    paired_randomisation,
)


@dataclass(frozen=True, eq=False)
class MetricScore:
    """One metric of one set of codes.

    `ties` holds its value under every tie rule (empty where ties do not matter; without database
    order where it was scored by parts), and the score its random floor. `interval` and `against`
    are there where they were asked for.
    """

    score: Score
    ties: dict[Tie, float]
    interval: Interval | None = None
    against: PairedTest | None = None

    @property
    def metric(self) -> Metric:
        return self.score.metric


@dataclass(frozen=True, eq=False)
class ScoredCodes:
    """All scores of one task. `relevant_share` is the share of relevant (query, database) pairs,
    `labels` the fingerprint of the labels: scores by other labels are not comparable."""

    task: RetrievalTask
    query_facts: CodeFacts
    database_facts: CodeFacts
    relevant_share: float
    labels: str
    scores: tuple[MetricScore, ...]


def score(
    task: RetrievalTask,
    metrics: Sequence[Metric],
    *,
    interval: bool = False,
    against: RetrievalTask | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> ScoredCodes:
    """Scores a task by `metrics`; those that name another direction are left out.

    `against` is a task with the same queries to compare with by a paired randomisation test.
    Raises InputError where codes and labels do not fit or queries differ.
    """
    chosen = metrics_of(task, metrics)
    needed = needed_metrics(task, chosen, TIES)
    by_metric = dict(zip(needed, _evaluate(task, needed, threads), strict=True))
    others: list[Score] = []
    if against is not None and chosen:
        check_same_queries(task, against)
        others = _evaluate(against, chosen, threads)
    return put_together(task, chosen, by_metric, interval=interval, others=others, seed=seed)


def metrics_of(task: RetrievalTask, metrics: Sequence[Metric]) -> list[Metric]:
    """Those that do not name another direction."""
    return [metric for metric in metrics if metric.direction in ("", task.direction)]


def needed_metrics(
    task: RetrievalTask, chosen: Sequence[Metric], ties: Sequence[Tie]
) -> list[Metric]:
    """All that must be evaluated to report the chosen metrics, each under these tie rules, too."""
    with_ties = [
        one
        for metric in chosen
        for one in ([metric, *map(metric.with_tie, ties)] if metric.has_ties else [metric])
    ]
    return list(dict.fromkeys([*with_ties, _all_items(task)]))


def _all_items(task: RetrievalTask) -> Metric:
    """Precision over the whole database: the share of relevant pairs."""
    return Metric("P", "radius", task.query.bits, empty="zero")


def put_together(
    task: RetrievalTask,
    chosen: Sequence[Metric],
    by_metric: Mapping[Metric, Score],
    *,
    interval: bool,
    others: Sequence[Score] = (),
    seed: int = 0,
) -> ScoredCodes:
    """The scores of a task from those of its `needed_metrics`; `others` are those of other codes on
    the same queries.
    """
    scores = []
    for number, metric in enumerate(chosen):
        own = by_metric[metric]
        rules = {tie: metric.with_tie(tie) for tie in TIES} if metric.has_ties else {}
        scores.append(
            MetricScore(
                own,
                {tie: by_metric[one].value for tie, one in rules.items() if one in by_metric},
                bootstrap_interval(own.per_query, seed=seed) if interval else None,
                paired_randomisation(own.per_query, others[number].per_query, seed=seed)
                if others
                else None,
            )
        )
    return ScoredCodes(
        task,
        code_facts(task.query),
        code_facts(task.database),
        by_metric[_all_items(task)].value,
        label_fingerprint(task.query_labels, task.database_labels),
        tuple(scores),
    )


TIES: tuple[Tie, ...] = ("worst", "expected", "index", "best")


def _evaluate(task: RetrievalTask, metrics: Sequence[Metric], threads: int | None) -> list[Score]:
    try:
        return evaluate(
            task.query,
            task.database,
            task.query_labels,
            task.database_labels,
            metrics,
            floors=True,
            threads=threads,
        )
    except InputError as error:
        raise InputError(error.problem, where=task.source, remedy=error.remedy) from None


def check_same_queries(task: RetrievalTask, other: RetrievalTask) -> None:
    """Raises InputError where two tasks cannot be compared query by query."""
    mine, theirs = task.query_labels, other.query_labels
    if mine.classes != theirs.classes or not np.array_equal(mine.words, theirs.words):
        raise InputError(
            f"has other queries than {other.source}: the query labels differ, so the two cannot "
            "be paired",
            where=task.source,
            remedy="give codes of the same queries in the same order",
        )


def partner(task: RetrievalTask, others: Sequence[RetrievalTask]) -> RetrievalTask:
    """The task to compare with: of the same direction, and of the same bits if there are several.

    Raises InputError where there is none, or more than one.
    """
    fits = [other for other in others if other.direction == task.direction]
    if len(fits) > 1:
        fits = [other for other in fits if other.query.bits == task.query.bits]
    if len(fits) != 1:
        raise InputError(
            f"has {len(fits) or 'no'} sets of codes to compare {task.source} "
            f"({task.direction or 'no direction'}, {task.query.bits} bits) with",
            where=others[0].source if others else "--versus",
            remedy="choose with --direction and --bits",
        )
    return fits[0]


def check_directions(metrics: Sequence[Metric], tasks: Sequence[RetrievalTask]) -> None:
    """Raises InputError for a metric whose direction no task has."""
    for metric in metrics:
        if all(metric.direction not in ("", task.direction) for task in tasks):
            raise InputError(
                f"{metric}: there are no codes for {metric.direction}", where="--metric"
            )


def record(scored: ScoredCodes, one: MetricScore) -> dict[str, object]:
    """A score with all that its number depends on, for JSON and CSV."""
    task, own = scored.task, one.score
    flat: dict[str, object] = {
        "file": task.source,
        "labels": scored.labels,
        "direction": task.direction,
        "bits": task.query.bits,
        "metric": str(replace(one.metric, direction="")),
        "value": own.value,
        **{tie: one.ties.get(tie) for tie in TIES},
        "floor": own.floor,
        "queries": len(task.query),
        "database": len(task.database),
        "counted": own.counted,
        "without_relevant": own.without_relevant,
        "empty_balls": own.empty_balls,
        "relevant_share": scored.relevant_share,
        "distinct": scored.database_facts.distinct,
        "balance": scored.database_facts.balance,
        "constant_bits": scored.database_facts.constant,
    }
    if one.interval is not None:
        flat |= {"low": one.interval.low, "high": one.interval.high}
    if one.against is not None:
        flat |= {"difference": one.against.difference, "p_value": one.against.p_value}
    return flat
