"""Effects over seeds and queries: right numbers, and the promised rate of false claims."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hashbench.errors import InputError
from hashbench.report.effects import effect_of

REPETITIONS = 1000


def drawn(
    rng: np.random.Generator,
    seeds: int,
    queries: int,
    of_seeds: float,
    effect: float = 0.0,
    of_queries: float = 0.25,
) -> np.ndarray:
    """Differences (S, Q): what a seed shares, what a query shares, and the rest."""
    return (
        effect
        + rng.normal(0, of_seeds, (seeds, 1))
        + rng.normal(0, of_queries, (1, queries))
        + rng.normal(0, 0.1, (seeds, queries))
    )


@pytest.mark.parametrize(
    ("seeds", "of_seeds", "of_queries"),
    [(3, 0.0, 0.25), (3, 0.02, 0.25), (3, 0.1, 0.25), (3, 0.0, 0.0), (5, 0.02, 0.25)],
)
def test_no_effect_is_called_one_at_no_more_than_the_promised_rate(
    seeds: int, of_seeds: float, of_queries: float
) -> None:
    rng = np.random.default_rng([seeds, int(1000 * of_seeds)])
    effects = [
        effect_of(drawn(rng, seeds, 100, of_seeds, of_queries=of_queries))
        for _ in range(REPETITIONS)
    ]
    # an interval is never wider than that over seeds alone, whose mean square is the largest part
    widest = max(abs(effect.high - effect.low) for effect in effects)
    assert widest < 40 * (0.1 + of_seeds + of_queries)
    rate = np.mean([effect.p < 0.05 for effect in effects])
    # four standard errors of a rate of 5 %; seeds that share much are where a test of queries
    # alone would call every second one an effect
    assert rate < 0.05 + 4 * np.sqrt(0.05 * 0.95 / REPETITIONS)
    assert rate > 0.01 or not of_queries
    covered = np.mean([effect.low <= 0 <= effect.high for effect in effects])
    assert covered == pytest.approx(1 - rate)


def test_power_is_the_rate_at_which_an_effect_is_found() -> None:
    rng = np.random.default_rng(5)
    truth = effect_of(drawn(rng, 200, 100, 0.02))
    size = truth.smallest(5)
    found = np.mean(
        [effect_of(drawn(rng, 5, 100, 0.02, size)).p < 0.05 for _ in range(REPETITIONS)]
    )
    assert found == pytest.approx(0.8, abs=0.06)
    assert truth.seeds_needed(size) == pytest.approx(5, abs=1)


def test_values_of_runs_alone_are_a_t_test_over_seeds() -> None:
    values = np.array([0.3, 0.1, 0.4, 0.2])
    effect = effect_of(values[:, None])
    expected = stats.ttest_1samp(values, 0.0)
    low, high = expected.confidence_interval()
    assert (effect.p, effect.low, effect.high) == pytest.approx((expected.pvalue, low, high), 1e-3)


def test_queries_of_one_seed_are_a_t_test_over_queries() -> None:
    values = np.random.default_rng(1).normal(0.05, 0.2, 50)
    effect = effect_of(values[None])
    assert effect.p == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue)
    assert effect.seeds_needed() is None


@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 99))
def test_the_interval_holds_the_mean_and_agrees_with_p(seeds: int, queries: int, seed: int) -> None:
    d = np.random.default_rng(seed).normal(0.1, 0.3, (seeds, queries))
    effect, mirrored = effect_of(d), effect_of(-d)
    assert effect.difference == pytest.approx(d.mean())
    assert mirrored.p == pytest.approx(effect.p)
    if effect.low is None or effect.high is None:
        assert (seeds, queries) == (1, 1)
        return
    assert effect.low <= effect.difference <= effect.high
    assert (effect.p < 0.05) == (not effect.low <= 0 <= effect.high)
    # queries that are left out by all seeds change nothing
    without = effect_of(np.column_stack([d, np.full(seeds, np.nan)]))
    assert without == effect


def test_equality_is_judged_by_its_margin() -> None:
    rng = np.random.default_rng(3)
    effect = effect_of(drawn(rng, 5, 2000, 0.0))
    assert effect.p_within(0.05) < 0.01
    assert effect.p_within(0.0005) > 0.05


@pytest.mark.parametrize("wrong", [[], [[np.nan]], [[0.1, np.inf]], [[0.1, np.nan], [0.2, 0.3]]])
def test_what_is_not_finite_is_refused(wrong: list[list[float]]) -> None:
    with pytest.raises(InputError, match="finite"):
        effect_of(wrong)
