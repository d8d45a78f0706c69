"""Exact scores of codes that a program holds."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

from hashbench.api.arrays import CodesLike, LabelsLike, Packed, in_python, retrieval_task
from hashbench.codefiles.convert import Binarize, LabelsAs, Zero
from hashbench.codefiles.load import RetrievalTask
from hashbench.codefiles.scores import MetricScore, ScoredCodes, check_same_queries, score
from hashbench.errors import InputError, UnknownNameError
from hashbench.metrics import ranking
from hashbench.metrics.histograms import Values
from hashbench.metrics.metric import Metric, Tie, parse_metric, parse_metrics
from hashbench.metrics.significance import (
    Interval,
    PairedTest,
    bootstrap_interval,
    paired_randomisation,
)
from hashbench.report import code_file_tables


class MetricResult:
    """One metric of one set of codes: its value, and how sure it is."""

    def __init__(self, scored: ranking.Score, task: RetrievalTask) -> None:
        self._score = scored
        self._task = task

    @property
    def metric(self) -> str:
        """The name, which says all conventions."""
        return str(self._score.metric)

    @property
    def value(self) -> float:
        """The mean over the counted queries."""
        return self._score.value

    @property
    def per_query(self) -> Values:
        """(Q,) the value of each query; NaN for queries without a relevant item, left out."""
        return self._score.per_query

    @property
    def counted(self) -> int:
        """The queries that the mean is over."""
        return self._score.counted

    @functools.cached_property
    def _in_full(self) -> MetricScore:
        return score(self._task, [self._score.metric]).scores[0]

    @property
    def ties(self) -> Mapping[Tie, float]:
        """The value under every rule for items at equal distance: worst, expected, index, best;
        empty where no order matters, as within a radius.
        """
        return self._in_full.ties

    @property
    def floor(self) -> float | None:
        """The expected value of random codes on the same queries."""
        return self._in_full.score.floor

    def interval(self, level: float = 0.95, *, seed: int = 0, resamples: int = 10_000) -> Interval:
        """A confidence interval of the mean, by bootstrap over queries (BCa)."""
        return bootstrap_interval(self.per_query, seed=seed, level=level, resamples=resamples)

    def versus(
        self, other: MetricResult | Evaluation, *, seed: int = 0, permutations: int = 10_000
    ) -> PairedTest:
        """Whether this is better than another result on the same queries by more than luck: the
        mean difference (this - other) and its p-value, by a paired randomisation test.

        Raises InputError where metric or queries differ.
        """
        if isinstance(other, Evaluation):
            other = other[self.metric]
        if self._score.metric != other._score.metric:
            raise InputError(f"{self.metric} cannot be compared with {other.metric}")
        check_same_queries(self._task, other._task)
        return paired_randomisation(
            self.per_query, other.per_query, seed=seed, permutations=permutations
        )

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        return f"{self.metric} = {self.value:.4f} ({self.counted:,} queries)"


class Evaluation(Mapping[str, MetricResult]):
    """The scores of one set of codes: a mapping from the name of a metric to its result.

    `value`, `per_query`, `ties`, `floor`, `interval()` and `versus()` are those of the first metric
    that was asked for.

    >>> import hashbench
    >>> codes, labels = [[1, 1], [1, -1], [-1, -1]], [0, 0, 1]
    >>> scores = hashbench.evaluate(codes, codes, labels, labels, ["mAP@all", "P@r1"])
    >>> list(scores)
    ['mAP@all', 'P@r1']
    >>> round(float(scores["p@r1"]), 4)
    0.7222
    >>> scores.per_query.round(4).tolist()
    [1.0, 0.9167, 1.0]
    """

    def __init__(self, task: RetrievalTask, results: Sequence[MetricResult]) -> None:
        self.task = task
        self._results = {result.metric: result for result in results}

    def __getitem__(self, name: str) -> MetricResult:
        """The result of a metric, in any case of letters. Raises KeyError."""
        if name in self._results:
            return self._results[name]
        try:
            return self._results[str(parse_metric(name))]
        except (UnknownNameError, KeyError):
            raise KeyError(f"{name}: scored were {', '.join(self._results)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    @property
    def first(self) -> MetricResult:
        """The result of the first metric."""
        return next(iter(self._results.values()))

    @property
    def value(self) -> float:
        """The value of the first metric."""
        return self.first.value

    @property
    def per_query(self) -> Values:
        """The first metric of each query, see `MetricResult.per_query`."""
        return self.first.per_query

    @property
    def ties(self) -> Mapping[Tie, float]:
        """The first metric under every tie rule."""
        return self.first.ties

    @property
    def floor(self) -> float | None:
        """What random codes would score by the first metric."""
        return self.first.floor

    def interval(self, level: float = 0.95, *, seed: int = 0, resamples: int = 10_000) -> Interval:
        """A confidence interval of the first metric."""
        return self.first.interval(level, seed=seed, resamples=resamples)

    def versus(
        self, other: MetricResult | Evaluation, *, seed: int = 0, permutations: int = 10_000
    ) -> PairedTest:
        """The first metric against another result on the same queries."""
        return self.first.versus(other, seed=seed, permutations=permutations)

    def values_by_name(self) -> dict[str, float]:
        """Metric -> value, for a log or a JSON file."""
        return {name: result.value for name, result in self._results.items()}

    def _scored(self) -> list[ScoredCodes]:
        return [score(self.task, [result._score.metric for result in self._results.values()])]

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} = {one.value:.4f}" for name, one in self._results.items())
        return f"<{scores}; {len(self.task.query):,} queries, {len(self.task.database):,} items>"

    def to_markdown(self) -> str:
        """A table with tie ranges and random floors, as `hashbench eval` prints it."""
        return code_file_tables.markdown(self._scored(), [])

    def _repr_html_(self) -> str:
        return code_file_tables.html(self._scored(), [])


def evaluate(
    query: CodesLike,
    database: CodesLike,
    query_labels: LabelsLike,
    database_labels: LabelsLike,
    metrics: Sequence[str] | str = ("mAP@all",),
    *,
    binarize: Binarize = "",
    zero: Zero = "refuse",
    packed: Packed = "",
    bits: int | None = None,
    labels_as: LabelsAs = "",
    threads: int | None = None,
) -> Evaluation:
    """Scores codes exactly: the database is ranked for each query by Hamming distance.

    Codes are (Q, bits) and (D, bits) of -1/+1, 0/1 or booleans, or packed into uint8 or uint64
    (first bit lowest; `packed="big"` for the other order, `bits` where the last word is not full).
    Real values need `binarize`: "sign", or "median" of each bit over the database. Labels are
    (Q, classes) and (D, classes) of 0/1, or (Q,) and (D,) class numbers; an item is relevant to a
    query that it shares a label with. All may be numpy arrays, torch tensors on any device, lists,
    or what `load_codes` gives. `metrics` are names such as "mAP@all", "mAP@50", "P@r2" and
    "nDCG@100" (`hashbench guide metrics`). Ties have closed forms; nothing is sampled.

    Raises InputError, which names the argument that settles it, for anything that is ambiguous.

    >>> import hashbench, numpy
    >>> draw = numpy.random.default_rng(0)
    >>> labels = draw.random((120, 5)) < 0.3
    >>> labels[:, 0] |= ~labels.any(axis=1)
    >>> codes = numpy.repeat(labels, 4, axis=1) ^ (draw.random((120, 20)) < 0.1)
    >>> scores = hashbench.evaluate(codes[:20], codes[20:], labels[:20], labels[20:], ["mAP@all"])
    >>> scores.floor < scores.interval().low < scores.value < 1
    True
    >>> scores.ties["worst"] <= scores.value <= scores.ties["best"]
    True
    >>> low_bits = hashbench.evaluate(codes[:20, :4], codes[20:, :4], labels[:20], labels[20:])
    >>> scores.versus(low_bits).p_value < 0.01
    True
    """
    # everything that can be wrong with the arrays is found here, before any pair is counted
    task = retrieval_task(
        query,
        database,
        query_labels,
        database_labels,
        binarize=binarize,
        zero=zero,
        packed=packed,
        bits=bits,
        labels_as=labels_as,
    )
    return evaluated(task, metrics, threads)


def evaluated(
    task: RetrievalTask, metrics: Sequence[str] | str, threads: int | None = None
) -> Evaluation:
    """The scores of a task. Raises InputError for a name that is no metric."""
    with in_python():
        scores = ranking.evaluate(
            task.query,
            task.database,
            task.query_labels,
            task.database_labels,
            named_metrics(metrics),
            threads=threads,
        )
    return Evaluation(task, [MetricResult(one, task) for one in scores])


def named_metrics(names: Sequence[str] | str) -> list[Metric]:
    """The metrics of names, or of one text that lists them; each once, in their order."""
    texts = [names] if isinstance(names, str) else names
    return list(
        dict.fromkeys(metric for text in texts for metric in parse_metrics(text, "metrics"))
    )
