"""The leak audit: its measures against a naive reference, its verdict on leaks and on none."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.codefiles.load import load
from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.label_sets import compare
from hashbench.metrics.leakage import Finding, gather, judge

LEAK, CLEAN = "consistent with label input", "no sign of label input"


def packed(codes: np.ndarray) -> Codes:
    return Codes.from_signs(codes.astype(bool))


def masks(labels: np.ndarray) -> LabelMasks:
    return LabelMasks.from_multi_hot(labels)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), bits=st.sampled_from([1, 7, 64, 65]), classes=st.integers(1, 4))
def test_distances_agree_with_a_naive_reference(seed: int, bits: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    query, database = rng.integers(0, 2, (4, bits)), rng.integers(0, 2, (25, bits))
    asked, ranked = rng.integers(0, 2, (4, classes)), rng.integers(0, 2, (25, classes))
    comparison = compare(packed(query), packed(database), masks(asked), masks(ranked), 2)
    for row in range(4):
        distance = (query[row] != database).sum(axis=1)
        off = (asked[row] != ranked).sum(axis=1)
        same = distance[off == 0]
        assert comparison.same[row].tolist() == np.bincount(same, minlength=bits + 1).tolist()
        one_off = np.bincount(distance[off == 1], minlength=bits + 1)
        assert comparison.one_off[row].tolist() == one_off.tolist()
        nearest = distance == distance.min()
        expected = [nearest.sum(), (nearest & (off == 0)).sum(), (nearest & (off == 1)).sum()]
        assert comparison.nearest[row].tolist() == expected
        if len(same) > 1:
            differs = query[row] != database[off == 0]
            assert comparison.variance[row] == pytest.approx(same.var(ddof=1))
            assert comparison.independent[row] == pytest.approx(differs.var(axis=0, ddof=1).sum())


def test_measures_on_a_case_worked_out_by_hand() -> None:
    # one query {a}; same set at distances 0 and 2, one label off at 1 (twice) and 2
    query = np.array([[0, 0, 0, 0]])
    database = np.array([[0, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]])
    labels = np.array([[1, 0], [1, 0], [1, 1], [1, 1], [0, 0]])
    evidence = gather(packed(query), packed(database), masks(labels[:1]), masks(labels), seed=0)
    assert evidence.separation is not None
    assert evidence.spread is not None
    assert evidence.structure is not None
    # nearer pairs: 0 beats 1, 1, 2; 2 loses to 1, 1 and ties with 2
    assert evidence.separation.value == pytest.approx((3 + 0.5) / 6)
    assert evidence.spread.value == pytest.approx(1 / (4 / 3))
    assert evidence.structure.value == pytest.approx(2.0 / 1.0)  # two bits that move together
    assert (evidence.identical_same, evidence.identical_one_off) == (0.5, 0.0)
    (bucket,) = evidence.buckets
    assert (bucket.accuracy, bucket.chance, bucket.overlap) == (1.0, 0.4, 0.4)


@cache
def label_sets(classes: int, density: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels of 400 queries and 6,000 items, of a few themes so that sets recur."""
    rng = np.random.default_rng(classes)
    themes = np.minimum(rng.gamma(0.3, density / 0.3, (8, classes)), 0.9)
    labels = rng.random((6400, classes)) < themes[rng.integers(0, 8, 6400)]
    return labels[:400], labels[400:]


def finding(query: np.ndarray, database: np.ndarray, labels: tuple[np.ndarray, ...]) -> Finding:
    sides = (packed(query), packed(database), *map(masks, labels))
    return judge(gather(*sides, seed=0))


@pytest.mark.parametrize("bits", [16, 32, 64, 128])
@pytest.mark.parametrize(("classes", "density"), [(24, 0.15), (80, 0.04), (12, 0.25)])
@pytest.mark.parametrize("noise", ["none", "flips", "before the sign", "on the labels"])
def test_labels_plus_noise_are_found(bits: int, classes: int, density: float, noise: str) -> None:
    rng = np.random.default_rng(bits)
    labels = label_sets(classes, density)
    projection, offset = rng.normal(size=(classes, bits)), rng.normal(size=bits) * 0.5

    def encode(part: np.ndarray) -> np.ndarray:
        scores = part + (0.1 * rng.normal(size=part.shape) if noise == "on the labels" else 0)
        values = scores @ projection + offset
        if noise == "before the sign":
            values += 0.5 * rng.normal(size=values.shape)
        codes = values > 0
        return codes ^ (rng.random(codes.shape) < 0.1) if noise == "flips" else codes

    assert finding(encode(labels[0]), encode(labels[1]), labels).verdict == LEAK


@pytest.mark.parametrize("bits", [16, 32, 64, 128])
@pytest.mark.parametrize(("classes", "density"), [(24, 0.15), (80, 0.04), (12, 0.25)])
@pytest.mark.parametrize("separable", [1.5, 3.0, 4.0])
@pytest.mark.parametrize("kind", ["probabilities", "memorised", "projection"])
def test_classifiers_of_features_are_not(
    bits: int, classes: int, density: float, separable: float, kind: str
) -> None:
    """Codes of classifier scores: class means `separable` deviations apart, as classes differ."""
    rng = np.random.default_rng(bits + classes)
    labels = label_sets(classes, density)
    share = labels[1].mean(axis=0)
    means = separable * rng.lognormal(0, 0.35, classes)
    shared = 0.35 * rng.normal(size=(6, classes))  # what moves several classes together
    projection = rng.normal(size=(classes, bits))

    def encode(part: np.ndarray, noise: float = 1.0) -> np.ndarray:
        content = 0.7 * rng.normal(size=part.shape) + rng.normal(size=(len(part), 6)) @ shared
        scores = means * (part - 0.5) + noise * content
        if kind == "projection":
            return (scores - means * (share - 0.5)) @ projection > 0
        odds = means * scores + np.log((share + 1e-4) / (1 - share + 1e-4))
        return np.asarray((1 / (1 + np.exp(-odds)) - share) @ projection > 0)

    half = len(labels[1]) // 2
    trained = encode(labels[1][:half], 0.3 if kind == "memorised" else 1.0)
    database = np.concatenate([trained, encode(labels[1][half:])])
    assert finding(encode(labels[0]), database, labels).verdict == CLEAN


def test_random_and_constant_codes_know_nothing() -> None:
    labels = label_sets(24, 0.15)
    rng = np.random.default_rng(0)
    for make in (lambda n: rng.integers(0, 2, (n, 32)), lambda n: np.ones((n, 32))):
        assert finding(make(400), make(6000), labels).verdict == CLEAN


def test_single_labels_and_too_few_sets_are_not_decidable() -> None:
    single = np.eye(10)[np.arange(600) % 10]
    codes = np.repeat(single, 2, axis=1)
    judgement = finding(codes[:100], codes[100:], (single[:100], single[100:]))
    assert judgement.verdict == "not decidable"
    assert "single-label" in judgement.reasons[0]
    few = np.random.default_rng(0).integers(0, 2, (600, 2))
    judgement = finding(few[:100], few[100:], (few[:100], few[100:]))
    assert judgement.verdict == "not decidable"
    assert "only 100 queries of 4 label sets" in judgement.reasons[0]
    unique = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    judgement = finding(unique[:40], unique[40:], (unique[:40], unique[40:]))
    assert "only 0 queries" in judgement.reasons[0]


def test_the_same_seed_gives_the_same_evidence_on_any_number_of_threads() -> None:
    labels = label_sets(24, 0.15)
    rng = np.random.default_rng(0)
    sides = packed(rng.integers(0, 2, (400, 32))), packed(rng.integers(0, 2, (6000, 32)))
    one = gather(*sides, masks(labels[0]), masks(labels[1]), seed=5, threads=1)
    assert one == gather(*sides, masks(labels[0]), masks(labels[1]), seed=5, threads=3)
    with pytest.raises(InputError, match="number of items"):
        gather(*sides, masks(labels[1]), masks(labels[1]), seed=5)


@pytest.mark.shared
def test_released_pghmh_codes_look_like_label_input(shared_data: Path) -> None:
    (task,) = load(shared_data / "codes" / "pghmh_flickr25k_16.mat")
    sides = task.query, task.database, task.query_labels, task.database_labels
    for seed in range(3):
        evidence = gather(*sides, seed=seed)
        assert judge(evidence).verdict == LEAK
        assert len(judge(evidence).reasons) >= 2
        assert evidence.identical_same > 2 * evidence.identical_one_off
