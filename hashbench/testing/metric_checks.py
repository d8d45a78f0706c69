"""The contract of a metric, tried on random codes and labels that any value can be counted out of.

No value of a metric is known beforehand. But some follow from others: ties in random order are the
mean over many orders, and random codes score what the metric says they score.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hashbench.metrics import catalog
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.metric import OPTIONS, Metric, Tie, parse_metric
from hashbench.metrics.random_floor import random_floors
from hashbench.metrics.ranking import evaluate
from hashbench.testing.verdict import Checks, ContractBrokenError

QUERIES, DATABASE, CLASSES, BITS = 12, 150, 6, 6  # so few bits that most distances are shared
ORDERS = 200
ERRORS = 6.0  # standard errors of a mean over draws that a true value never is away
ROUNDING = 1e-9


class MetricChecks(Checks):
    """Checks the metric (a measure with all of its cut-offs) of that name."""

    def __init__(self, name: str) -> None:
        self._card = catalog.measure(name)
        table = {
            "card": self._check_card,
            "range": self._check_range,
            "ties": self._check_ties,
            "mean over ties": self._check_mean_over_ties,
            "order": self._check_order,
            "better": self._check_better,
            "random codes": self._check_floor,
        }
        needs = {check: "card" if check == "range" else "range" for check in list(table)[1:]}
        source = catalog.source_of(self._card.name) or "built in"
        super().__init__(self._card.name, source, table, needs)

    def _check_card(self) -> str:
        if not (self._card.title and self._card.examples):
            raise ContractBrokenError("it needs a title and examples of names")
        for name in (*self._card.examples, *self._card.reported):
            metric = parse_metric(name)
            if metric.measure != self._card.name or str(metric) != name:
                raise ContractBrokenError(f"the name {name} reads as {metric}")
        untold = set(self._card.cuts) - {metric.cut for metric in self._metrics}
        if untold:
            raise ContractBrokenError(f"no example for the cut-off {', '.join(sorted(untold))}")
        return f"named {', '.join(self._card.examples)}"

    def _check_range(self) -> str:
        for metric in self._metrics:
            for tie in _ties(metric):
                self._require_range(metric.with_tie(tie), self._values(metric.with_tie(tie)))
            for reverse in (False, True):
                self._require_range(metric, self._sorted_values(metric, reverse=reverse))
        return f"values lie between {self._card.low:g} and {self._card.high:g}"

    def _require_range(self, metric: Metric, values: NDArray[np.float64]) -> None:
        if values.shape != (QUERIES,):
            raise ContractBrokenError(f"{metric} has values of shape {values.shape}")
        low, high = self._card.low - ROUNDING, self._card.high + ROUNDING
        outside = values[~((low <= values) & (values <= high))]
        if len(outside):
            raise ContractBrokenError(f"{metric}: a value of {outside[0]:g}")

    def _check_ties(self) -> str:
        for metric in filter(_has_ties, self._metrics):
            worst, expected, best = (
                self._values(metric.with_tie(tie)) for tie in ("worst", "expected", "best")
            )
            if not ((worst <= expected + ROUNDING).all() and (expected <= best + ROUNDING).all()):
                raise ContractBrokenError(
                    f"{metric}: worst {worst.mean():.4f}, expected {expected.mean():.4f}, "
                    f"best {best.mean():.4f}",
                    "tie=best raises every value the most, tie=worst the least",
                )
        return "tie=worst is at most the expected value, tie=best at least"

    def _check_mean_over_ties(self) -> str:
        rng = np.random.default_rng(1)
        orders = [rng.permutation(DATABASE) for _ in range(ORDERS)]
        for metric in filter(_has_ties, self._metrics):
            ordered = metric.with_tie("index")
            drawn = np.stack([self._values(ordered, database=order) for order in orders])
            _require_mean(drawn, self._values(metric.with_tie("expected")), str(metric))
        return f"tie=expected is the mean over {ORDERS} orders of the database"

    def _check_order(self) -> str:
        rng = np.random.default_rng(2)
        database, queries = rng.permutation(DATABASE), rng.permutation(QUERIES)
        for metric in self._metrics:
            for tie in (tie for tie in _ties(metric) if tie != "index"):
                plain = self._values(metric.with_tie(tie))
                moved = self._values(metric.with_tie(tie), database=database, queries=queries)
                if not np.allclose(moved, plain[queries], atol=ROUNDING):
                    raise ContractBrokenError(
                        f"{metric}, tie={tie}: a value changes with the order of the items",
                        "a value follows from its own query's row of the histograms alone",
                    )
        return "a query's value follows from neither the order of items nor other queries"

    def _check_better(self) -> str:
        for metric in self._metrics:
            right, wrong = (self._sorted_values(metric, reverse=way) for way in (False, True))
            gain = right.mean() - wrong.mean()
            if gain * (1 if self._card.higher_is_better else -1) <= 0:
                raise ContractBrokenError(
                    f"{metric} is {right.mean():.4f} where relevant items are nearest and "
                    f"{wrong.mean():.4f} where they are farthest",
                    "higher_is_better says which is to be preferred",
                )
        return "a ranking with relevant items first is better than its reverse"

    def _check_floor(self) -> str:
        rng = np.random.default_rng(3)
        for metric in self._metrics:
            said = random_floors([metric], *self._labels, BITS)[metric]
            drawn = np.array(
                [
                    self._values(metric, seed=int(rng.integers(1 << 30))).mean()
                    for _ in range(ORDERS)
                ]
            )
            if said is None:
                raise ContractBrokenError(f"{metric} says nothing of random codes")
            _require_mean(drawn[:, None], np.array([said]), f"{metric} of random codes")
        return f"random codes score what it says they do, over {ORDERS} draws"

    @functools.cached_property
    def _metrics(self) -> list[Metric]:
        return [parse_metric(name) for name in self._card.examples]

    @functools.cached_property
    def _multi_hot(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        rng = np.random.default_rng(0)
        sides = [rng.random((count, CLASSES)) < 0.25 for count in (QUERIES, DATABASE)]
        for side in sides:
            side[~side.any(axis=1), 0] = True  # every query has something that is relevant
        return sides[0], sides[1]

    @functools.cached_property
    def _labels(self) -> tuple[LabelMasks, LabelMasks]:
        query, database = self._multi_hot
        return LabelMasks.from_multi_hot(query), LabelMasks.from_multi_hot(database)

    def _codes(self, seed: int) -> tuple[Codes, Codes]:
        rng = np.random.default_rng(seed)
        query_bits, database_bits = (rng.random((n, BITS)) < 0.5 for n in (QUERIES, DATABASE))
        return Codes.from_signs(query_bits), Codes.from_signs(database_bits)

    def _sorted_values(self, metric: Metric, *, reverse: bool) -> NDArray[np.float64]:
        """(Q,) values of rankings by the number of shared labels, within radius 2 all that share
        any; or of the reverse.
        """
        query, database = self._multi_hot
        values = []
        for row, wanted in enumerate(query):
            shared = (database & wanted).sum(axis=1)
            distance = np.where(shared == 0, BITS, np.clip(3 - shared, 0, 2))
            ones = np.arange(BITS) < (BITS - distance if reverse else distance)[:, None]
            labels = LabelMasks.from_multi_hot(query[row : row + 1]), self._labels[1]
            codes = Codes.from_signs(np.zeros((1, BITS), bool)), Codes.from_signs(ones)
            values.append(_scored(codes, labels, metric)[0])
        return np.array(values)

    def _values(
        self,
        metric: Metric,
        *,
        database: Any = slice(None),
        queries: Any = slice(None),
        seed: int = 4,
    ) -> NDArray[np.float64]:
        """(Q,) values of random codes of a seed, items taken in some order."""
        of_queries, of_database = self._codes(seed)
        labels, database_labels = self._labels
        codes = of_queries[queries], of_database[database]
        return _scored(codes, (labels[queries], database_labels[database]), metric)


def _scored(
    codes: tuple[Codes, Codes], labels: tuple[LabelMasks, LabelMasks], metric: Metric
) -> NDArray[np.float64]:
    (score,) = evaluate(*codes, *labels, [replace(metric, empty="zero")], threads=1)
    return score.per_query


def _has_ties(metric: Metric) -> bool:
    return metric.has_ties


def _ties(metric: Metric) -> tuple[Tie, ...]:
    every: Any = OPTIONS["tie"]
    return tuple(every) if metric.has_ties else ("expected",)


def _require_mean(drawn: NDArray[np.float64], said: NDArray[np.float64], what: str) -> None:
    """Raises ContractBrokenError where the mean of (draws, n) values cannot be what is said (n)."""
    mean, error = drawn.mean(axis=0), drawn.std(axis=0) / np.sqrt(len(drawn))
    off = np.abs(mean - said) > ERRORS * error + ROUNDING
    if off.any():
        place = int(off.argmax())
        raise ContractBrokenError(
            f"{what}: {said[place]:.4f} is said, and {mean[place]:.4f} is the mean over "
            f"{len(drawn)} draws"
        )
