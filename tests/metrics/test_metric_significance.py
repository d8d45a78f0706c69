"""Intervals that cover, tests that hold their level, both repeatable."""

from __future__ import annotations

import itertools
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.errors import InputError
from hashbench.metrics.significance import bootstrap_interval, paired_randomisation


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.random(n) ** 3


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_cover_the_true_mean_about_as_often_as_they_say(method):
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(300):
        interval = bootstrap_interval(
            skewed(rng, 60), seed=seed, level=0.9, resamples=400, method=method
        )
        inside += interval.low <= 0.25 <= interval.high
    assert 0.84 <= inside / 300 <= 0.95


def test_a_large_sample_agrees_with_the_normal_interval():
    values = np.random.default_rng(1).random(4000)
    interval = bootstrap_interval(values, seed=2, resamples=4000)
    half = NormalDist().inv_cdf(0.975) * values.std() / np.sqrt(len(values))
    assert interval.mean == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=half / 10
    )


def test_bca_leans_towards_the_long_tail():
    values = skewed(np.random.default_rng(3), 50)
    plain = bootstrap_interval(values, seed=4, method="percentile")
    bca = bootstrap_interval(values, seed=4, method="bca")
    assert bca.low > plain.low
    assert bca.high > plain.high


def test_intervals_repeat_leave_out_nan_and_do_not_depend_on_memory(monkeypatch):
    values = np.random.default_rng(5).random(500)
    first = bootstrap_interval(values, seed=6, resamples=500)
    assert bootstrap_interval(np.append(values, np.nan), seed=6, resamples=500) == first
    assert bootstrap_interval(values, seed=7, resamples=500) != first
    monkeypatch.setattr("hashbench.metrics.significance._DRAWS_AT_ONCE", 1000)
    assert bootstrap_interval(values, seed=6, resamples=500) == first


def test_equal_values_have_an_interval_of_no_width():
    interval = bootstrap_interval(np.full(9, 0.5), seed=0, resamples=50)
    assert (interval.low, interval.high) == (0.5, 0.5)


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])] * 2),
                min_size=1, max_size=9))  # fmt: skip
def test_the_exact_test_enumerates_every_swap(pairs):
    a, b = map(np.array, zip(*pairs, strict=True))
    outcome = paired_randomisation(a, b, seed=0)
    observed = abs((a - b).sum())
    swaps = itertools.product([1, -1], repeat=len(a))
    sums = np.array([abs(((a - b) * signs).sum()) for signs in swaps])
    assert outcome.exact
    assert outcome.p_value == pytest.approx(np.mean(sums >= observed - 1e-12))
    assert outcome.difference == pytest.approx((a - b).mean())
    assert outcome.queries == len(a)
    other_way = paired_randomisation(b, a, seed=0)
    assert other_way.p_value == outcome.p_value


def test_drawn_swaps_agree_with_all_of_them():
    rng = np.random.default_rng(8)
    a, b = rng.random(14), rng.random(14) + 0.15
    exact = paired_randomisation(a, b, seed=0, permutations=1 << 14)
    drawn = paired_randomisation(a, b, seed=0, permutations=(1 << 14) - 1)
    assert (exact.exact, drawn.exact) == (True, False)
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.015)


def test_the_test_holds_its_level_and_sees_a_difference():
    rng = np.random.default_rng(9)
    p_values = []
    for seed in range(200):
        a, b = rng.random(40), rng.random(40)
        p_values.append(paired_randomisation(a, b, seed=seed, permutations=199).p_value)
    assert np.mean(np.array(p_values) <= 0.1) == pytest.approx(0.1, abs=0.06)
    better = paired_randomisation(a + 0.5, a, seed=0)
    assert better.p_value == pytest.approx(1 / 10_001)


def test_draws_repeat_and_do_not_depend_on_memory(monkeypatch):
    rng = np.random.default_rng(10)
    a, b = rng.random(300), rng.random(300)
    first = paired_randomisation(a, b, seed=1, permutations=500)
    monkeypatch.setattr("hashbench.metrics.significance._DRAWS_AT_ONCE", 301)
    assert paired_randomisation(a, b, seed=1, permutations=500) == first


def test_queries_that_both_leave_out_are_left_out():
    a, b = np.array([0.1, np.nan, 0.3]), np.array([0.2, np.nan, 0.5])
    outcome = paired_randomisation(a, b, seed=0)
    assert outcome.queries == 2
    assert outcome == paired_randomisation(a[[0, 2]], b[[0, 2]], seed=0)


def test_no_difference_at_all_is_certain():
    same = np.full(5, 0.5)
    outcome = paired_randomisation(same, same, seed=0)
    assert (outcome.p_value, outcome.difference, outcome.exact) == (1.0, 0.0, True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_interval([], seed=0), "no finite value"),
        (lambda: bootstrap_interval([np.nan], seed=0), "no finite value"),
        (lambda: bootstrap_interval([np.inf, 1], seed=0), "infinite"),
        (lambda: bootstrap_interval([[1.0]], seed=0), "shape"),
        (lambda: bootstrap_interval([1.0], seed=0, level=1.0), "level"),
        (lambda: bootstrap_interval([1.0], seed=0, resamples=0), "resamples"),
        (lambda: paired_randomisation([1.0], [1.0, 2.0], seed=0), "do not match"),
        (lambda: paired_randomisation([1.0, np.nan], [np.nan, 1.0], seed=0), "leave out"),
        (lambda: paired_randomisation([1.0], [2.0], seed=0, permutations=0), "permutations"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
