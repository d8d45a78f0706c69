"""Shares of similar, dissimilar and unknown pairs against loops; MIRFlickr's real labels."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hashbench.datasets import pair_shares as module
from hashbench.datasets.masks import visible_labels
from hashbench.datasets.pair_shares import (
    expected_negative,
    incompleteness,
    label_set_frequencies,
    pair_shares,
    vanishing_rate,
)
from hashbench.errors import InputError
from hashbench.plan.spec import LabelSpec

STATES = hnp.arrays(np.int8, (7, 4), elements=st.sampled_from([-1, 0, 1]))  # -1: unknown


@settings(max_examples=20, deadline=None)
@given(STATES, st.sampled_from([1, 20, 10_000]))
def test_shares_are_those_of_a_loop_over_pairs(state: np.ndarray, block: int) -> None:
    positive = negative = 0
    for a, b in combinations(state.tolist(), 2):
        pairs = list(zip(a, b, strict=True))
        if (1, 1) in pairs:
            positive += 1
        elif all(0 in pair for pair in pairs):
            negative += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_PAIRS", block)
        shares = pair_shares(state == 1, state >= 0)
    assert shares.positive == pytest.approx(positive / 21)
    assert shares.negative == pytest.approx(negative / 21)
    assert shares.unknown == pytest.approx((21 - positive - negative) / 21)


def test_expected_negatives_are_the_mean_over_masks() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((40, 5)) > 0.7
    rates = [0.0, 0.2, 0.5]
    expected = expected_negative(labels, rates)
    for rate, value in zip(rates, expected, strict=True):
        shares = [
            pair_shares(labels, rng.random(labels.shape) >= rate).negative for _ in range(200)
        ]
        assert value == pytest.approx(np.mean(shares), abs=0.005)
    assert expected[0] == pytest.approx(pair_shares(labels, np.ones_like(labels)).negative)


@pytest.mark.shared
def test_mirflickr_loses_its_negative_pairs_at_about_35_percent(shared_data: Path) -> None:
    with np.load(shared_data / "mirflickr25k" / "labels.npz", allow_pickle=False) as stored:
        labels = stored["labels24"][stored["in20015"]].astype(bool)
    drawn = labels[np.random.default_rng(0).permutation(len(labels))[:2000]]
    rate = vanishing_rate(drawn)
    assert rate is not None
    assert 0.32 <= rate <= 0.38
    seen = visible_labels(drawn, LabelSpec(known_ratio=0.65), 0)
    shares = pair_shares(seen.labels, seen.known)
    assert shares.negative < 0.01 * 0.45
    assert 0.25 < shares.positive < 0.4
    assert pair_shares(drawn, np.ones_like(drawn)).positive == pytest.approx(0.55, abs=0.02)


def test_the_curve_counts_each_label_set() -> None:
    labels = np.random.default_rng(1).random((300, 4)) > 0.6
    wanted = sorted(Counter(map(tuple, labels.tolist())).values(), reverse=True)
    assert label_set_frequencies(labels).tolist() == wanted


def test_too_few_items_and_items_that_are_all_similar() -> None:
    one = np.ones((1, 3), bool)
    assert pair_shares(one, one).unknown == 0.0
    assert vanishing_rate(np.ones((5, 3), bool)) is None


def test_what_a_known_ratio_leaves_is_that_of_a_run_s_mask() -> None:
    labels = np.random.default_rng(2).random((60, 4)) > 0.7
    report = incompleteness(labels, 0.5, seed=3)
    seen = visible_labels(labels, LabelSpec(known_ratio=0.5), 3)
    assert report.pairs == pair_shares(seen.labels, seen.known)
    assert report.negative_curve[0] == (0.0, pytest.approx(expected_negative(labels, [0.0])[0]))
    assert report.label_set_curve == tuple(label_set_frequencies(seen.labels).tolist())
    assert report.label_set_curve != tuple(label_set_frequencies(labels).tolist())
    with pytest.raises(InputError, match="--known-ratio"):
        incompleteness(labels, 1.5, seed=0)
