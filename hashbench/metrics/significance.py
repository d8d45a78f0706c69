"""How sure is a mean over queries, and is one better than another on the same queries?"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hashbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

Values = NDArray[np.float64]
Seed = int | np.random.Generator

_DRAWS_AT_ONCE = 1 << 21  # resampled values held at a time


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a mean: `low` to `high` around `mean`, at `level`."""

    mean: float
    low: float
    high: float
    level: float
    method: str
    resamples: int


def bootstrap_interval(
    values: ArrayLike,
    *,
    seed: Seed,
    level: float = 0.95,
    resamples: int = 10_000,
    method: Literal["percentile", "bca"] = "bca",
) -> Interval:
    """Confidence interval of the mean of `values` (Q,) by resampling queries; NaN are left out.

    `percentile` takes quantiles of the resampled means; `bca` corrects them for bias and skewness
    (Efron 1987, "Better bootstrap confidence intervals"). Raises InputError without values.
    """
    if not 0 < level < 1:
        raise InputError(f"confidence level {level}; valid: between 0 and 1")
    if resamples < 1:
        raise InputError(f"{resamples} resamples; valid: at least 1")
    kept = _kept(values)
    mean = float(kept.mean())
    means = _resampled_means(kept, resamples, np.random.default_rng(seed))
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca":
        tails = _corrected(tails, kept, means, mean)
    low, high = np.quantile(means, tails)
    return Interval(mean, float(low), float(high), level, method, resamples)


@dataclass(frozen=True)
class PairedTest:
    """A two-sided paired test: mean `difference` (a - b), its `p_value`, how many `queries`.

    `exact` where all sign patterns were enumerated, else `permutations` were drawn.
    """

    difference: float
    p_value: float
    queries: int
    permutations: int
    exact: bool


def paired_randomisation(
    a: ArrayLike, b: ArrayLike, *, seed: Seed, permutations: int = 10_000
) -> PairedTest:
    """Fisher's randomisation test on per-query values (Q,) of two systems on the same queries.

    Under the null hypothesis the two values of a query are exchangeable, so the sign of each
    difference is random. All 2^n sign patterns are enumerated where that is no more work than
    `permutations`, n being the queries that differ; else the p-value counts the observed pattern
    among the drawn ones and can never be 0. Queries that both leave out (NaN) are left out.
    Raises InputError where the queries do not match.
    """
    if permutations < 1:
        raise InputError(f"{permutations} permutations; valid: at least 1")
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.ndim != 1 or left.shape != right.shape:
        raise InputError(f"per-query values of shapes {left.shape} and {right.shape} do not match")
    if bool(np.any(np.isnan(left) != np.isnan(right))):
        raise InputError("the two systems leave out different queries, so they cannot be paired")
    differences = _kept(left - right)
    queries, mean = len(differences), float(differences.mean())
    differences = differences[differences != 0]
    exact = len(differences) < 63 and 1 << len(differences) <= permutations
    observed = abs(differences.sum()) * (1 - 1e-12)  # equal sums may differ in their last bits
    if exact:
        signs = _all_signs(len(differences))
        extreme = int(np.count_nonzero(np.abs(signs @ differences) >= observed))
        return PairedTest(mean, extreme / len(signs), queries, len(signs), exact=True)
    extreme = sum(
        int(np.count_nonzero(np.abs(signs @ differences) >= observed))
        for signs in _random_signs(len(differences), permutations, np.random.default_rng(seed))
    )
    return PairedTest(mean, (extreme + 1) / (permutations + 1), queries, permutations, exact=False)


def _kept(values: ArrayLike) -> Values:
    array = np.asarray(values, np.float64)
    if array.ndim != 1:
        raise InputError(f"per-query values have shape {array.shape}, not (queries,)")
    kept = array[~np.isnan(array)]
    if kept.size == 0 or not bool(np.all(np.isfinite(kept))):
        raise InputError("per-query values hold no finite value, or infinite ones")
    return kept


def _resampled_means(values: Values, resamples: int, rng: np.random.Generator) -> Values:
    rows = max(1, _DRAWS_AT_ONCE // len(values))
    return np.concatenate([
        values[rng.integers(0, len(values), (min(rows, resamples - start), len(values)))].mean(1)
        for start in range(0, resamples, rows)
    ])  # fmt: skip


def _corrected(tails: Values, values: Values, means: Values, mean: float) -> Values:
    """BCa: quantile levels shifted by the bias and the acceleration of the mean."""
    below = np.count_nonzero(means < mean) + 0.5 * np.count_nonzero(means == mean)
    share = min(max(below / len(means), 0.5 / len(means)), 1 - 0.5 / len(means))
    deviations = values - mean
    spread = float(np.sum(deviations**2))
    if spread == 0:
        return tails
    acceleration = float(np.sum(deviations**3)) / (6 * spread**1.5)
    normal = NormalDist()
    bias = normal.inv_cdf(share)
    shifted = [bias + normal.inv_cdf(float(tail)) for tail in tails]
    return np.array([normal.cdf(bias + z / (1 - acceleration * z)) for z in shifted])


def _all_signs(n: int) -> Values:
    """(2^n, n) every pattern of -1 and +1."""
    patterns = np.arange(1 << n, dtype=np.uint64)[:, None]
    bits = (patterns >> np.arange(n, dtype=np.uint64)) & np.uint64(1)
    return 2 * bits.astype(np.float64) - 1


def _random_signs(n: int, patterns: int, rng: np.random.Generator) -> Iterator[Values]:
    rows = max(1, _DRAWS_AT_ONCE // n)
    for start in range(0, patterns, rows):
        shape = min(rows, patterns - start), n
        yield 2 * rng.integers(0, 2, shape, dtype=np.uint8).astype(np.float64) - 1
