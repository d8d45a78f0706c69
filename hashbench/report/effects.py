"""The size of a difference between two systems, where seeds and queries both are draws.

Several runs of each system, one a seed, rank the same queries, so that the differences d (S, Q)
are a crossed design: what a seed does touches all queries, what a query is touches all seeds. A
test over queries alone takes the luck of training for an effect, one over seeds alone the choice of
queries. The interval here covers both. It is that of multi-reader multi-case studies: mean squares
of a two-way random-effects layout (Obuchowski and Rockette 1995, with the denominator's degrees of
freedom as in Hillis 2007, made more cautious for few seeds).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from hashbench.errors import InputError

Values = NDArray[np.float64]

LEVEL = 0.95
POWER = 0.8
MOST_SEEDS = 1000  # that `seeds_needed` looks at
_CAUTION = 0.25  # the lower quartile of chi-squared, which makes the upper one of a mean square


@dataclass(frozen=True)
class Effect:
    """A mean difference, its interval at LEVEL, and a two-sided p-value for no difference.

    `seeds` and `queries` are how many of each it is over; `queries` is 1 for what a run has one
    value of. With one seed the interval covers queries alone. `low` and `high` are None where
    nothing varies that could be judged: one seed and one value.

    `seed_square`, `query_square`, `rest_square` are the mean squares of the layout.
    """

    difference: float
    low: float | None
    high: float | None
    p: float
    seeds: int
    queries: int
    seed_square: float
    query_square: float
    rest_square: float

    @property
    def query_variance(self) -> float:
        """The variance of the difference over queries that all seeds share."""
        return max(self.query_square - self.rest_square, 0.0) / self.seeds

    def error(self, seeds: int) -> tuple[float, float]:
        """(standard error, degrees of freedom) of the mean difference over so many seeds."""
        rest = min(self.rest_square, self.query_square)
        squares = self.seed_square, seeds * self.query_variance + rest
        return _error(squares, rest, seeds, self.queries)

    def power(self, size: float, seeds: int, alpha: float = 1 - LEVEL) -> float:
        """The probability that a true difference of `size` is shown with so many seeds, at a
        p-value below `alpha`.
        """
        error, freedom = self.error(seeds)
        if not error:
            return float(size != 0)
        return float(special.stdtr(freedom, abs(size) / error - _quantile(freedom, alpha)))

    def seeds_needed(self, size: float | None = None, alpha: float = 1 - LEVEL) -> int | None:
        """The fewest seeds that show a true difference of `size`, by default the one that was seen,
        with a probability of POWER. None where not even MOST_SEEDS do: the queries are too few.
        """
        wanted = self.difference if size is None else size
        low, high = 2, MOST_SEEDS
        if self.seeds < 2 or self.power(wanted, high, alpha) < POWER:
            return None
        while low < high:  # more seeds never show less
            middle = (low + high) // 2
            enough = self.power(wanted, middle, alpha) >= POWER
            low, high = (low, middle) if enough else (middle + 1, high)
        return low

    def smallest(self, seeds: int | None = None, alpha: float = 1 - LEVEL) -> float:
        """The true difference that so many seeds, by default those that ran, show with POWER."""
        error, freedom = self.error(seeds or self.seeds)
        return error * (_quantile(freedom, alpha) + float(special.stdtrit(freedom, POWER)))

    def p_within(self, margin: float) -> float:
        """The p-value of two one-sided tests that the true difference lies beyond +-`margin`."""
        error, freedom = self.error(self.seeds)
        if not error:
            return float(abs(self.difference) >= margin)
        return float(special.stdtr(freedom, (abs(self.difference) - margin) / error))


def effect_of(differences: ArrayLike, *, least_variance: float = 0.0) -> Effect:
    """The effect of differences (S, Q): system minus other system, a row a seed.

    `least_variance` is what the variance over seeds is known not to be below: a few seeds may agree
    by chance.
    A query that is NaN for all seeds is left out. Raises InputError for anything else that is not
    finite, and where no value is left.
    """
    d = np.atleast_2d(np.asarray(differences, np.float64))
    d = d[:, ~np.isnan(d).all(axis=0)]
    if d.ndim != 2 or not d.size or not bool(np.isfinite(d).all()):
        raise InputError("differences of runs hold no finite value, or lack some")
    S, Q = d.shape
    by_seed, by_query, mean = d.mean(axis=1), d.mean(axis=0), float(d.mean())
    rest = d - by_seed[:, None] - by_query[None, :] + mean
    squares = (
        Q * max(_variance(by_seed), least_variance if S > 1 else 0.0),
        S * _variance(by_query),
        float((rest**2).sum()) / max(1, (S - 1) * (Q - 1)),
    )
    error, freedom = _error(squares[:2], squares[2], S, Q)
    if S == Q == 1:
        return Effect(mean, None, None, 1.0, S, Q, *squares)
    half = error * _quantile(freedom) if error else 0.0
    p = 2 * float(special.stdtr(freedom, -abs(mean) / error)) if error else float(mean == 0)
    return Effect(mean, mean - half, mean + half, p, S, Q, *squares)


def _variance(values: Values) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _error(squares: tuple[float, float], rest: float, S: int, Q: int) -> tuple[float, float]:
    """Standard error of the mean of (S, Q) and its degrees of freedom, by Satterthwaite's rule.

    With few seeds their mean square is small by chance at times, and the degrees of freedom then
    come out as if queries alone varied: 8 % of no-effects would be shown at 5 %. For the weights
    of the rule it is therefore taken at the upper quartile of what it may be (5 % from 3 seeds on).
    """
    of_seeds, of_queries = squares
    if S == 1:
        return math.sqrt(of_queries / Q), max(1, Q - 1)
    shared = max(of_queries - rest, 0.0)
    likely = of_seeds * (S - 1) / float(special.chdtri(S - 1, 1 - _CAUTION))
    spread = likely**2 / (S - 1) + shared**2 / max(1, Q - 1)
    freedom = (likely + shared) ** 2 / spread if spread else 1.0
    return math.sqrt((of_seeds + shared) / (S * Q)), freedom


def _quantile(freedom: float, alpha: float = 1 - LEVEL) -> float:
    """The upper quantile of Student's t that a two-sided test at `alpha` takes."""
    return float(special.stdtrit(freedom, 1 - alpha / 2))
