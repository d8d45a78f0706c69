"""The random floor of every metric is what codes of coin flips score on average."""

from __future__ import annotations

import numpy as np
import pytest

from hashbench.metrics import catalog
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.metric import parse_metric
from hashbench.metrics.random_floor import ball_probability, random_floors
from hashbench.metrics.ranking import evaluate

DRAWS = 300
NAMES = ["mAP@all", "mAP@20", "mAP@20/hits", "mAP@first5", "P@7", "R@7", "nDCG@9", "P@r2", "R@r2",
         "nDCG@all(gain=exp)", "mAP@all(empty=zero)", "P@r9(distance=adsh)", "P@r1(empty=zero)",
         "R@r3(distance=adsh)"]  # fmt: skip


def labels() -> tuple[LabelMasks, LabelMasks]:
    """Five queries, one of which has no relevant item, and a database of sixty."""
    rng = np.random.default_rng(3)
    query, database = rng.random((5, 4)) < 0.6, rng.random((60, 4)) < 0.3
    query[0], query[1] = True, [0, 0, 0, 1]
    database[:, 3] = False
    return LabelMasks.from_multi_hot(query), LabelMasks.from_multi_hot(database)


@pytest.mark.parametrize("bits", [5, 12])
def test_codes_of_coin_flips_score_the_floor(bits: int) -> None:
    """Simulated: the mean over draws lies within four standard errors of the closed form."""
    rng = np.random.default_rng(bits)
    sides, metrics = labels(), [parse_metric(name) for name in NAMES]
    assert {metric.measure for metric in metrics} == set(catalog.measures())
    draws = np.array([
        [score.value for score in evaluate(
            Codes.from_signs(rng.random((5, bits)) < 0.5),
            Codes.from_signs(rng.random((60, bits)) < 0.5), *sides, metrics, threads=1,
        )]
        for _ in range(DRAWS)
    ])  # fmt: skip
    floors = random_floors(metrics, *sides, bits, threads=1)
    error = draws.std(axis=0) / DRAWS**0.5
    for metric, mean, sure in zip(metrics, draws.mean(axis=0), error, strict=True):
        assert floors[metric] == pytest.approx(mean, abs=4 * sure + 1e-9), str(metric)


def test_scores_carry_the_floor_whatever_the_codes() -> None:
    rng = np.random.default_rng(0)
    sides, metrics = labels(), [parse_metric(name) for name in NAMES]
    codes = Codes.from_signs(rng.random((5, 6)) < 0.5), Codes.from_signs(rng.random((60, 6)) < 0.9)
    floors = random_floors(metrics, *sides, 6)
    for score in evaluate(*codes, *sides, metrics, floors=True):
        assert score.floor == pytest.approx(floors[score.metric])


def test_the_floor_of_map_is_above_the_share_of_relevant_pairs() -> None:
    sides = labels()
    metric, at_one = parse_metric("mAP@all"), parse_metric("P@1")
    floors = random_floors([metric, at_one], *sides, 32)
    share = floors[at_one]  # the first item of a random ranking is relevant as often as any
    assert share is not None
    assert floors[metric] is not None
    assert floors[metric] > share


def test_queries_without_relevant_items_are_left_out_or_zero() -> None:
    none = LabelMasks.from_multi_hot([[1, 0]]), LabelMasks.from_multi_hot([[0, 1]] * 4)
    metric, zero = parse_metric("mAP@all"), parse_metric("mAP@all(empty=zero)")
    assert random_floors([metric, zero], *none, 8) == {metric: None, zero: 0.0}


def test_the_probability_of_a_ball() -> None:
    assert ball_probability(3, 0) == 1 / 8
    assert ball_probability(3, 1) == 4 / 8
    assert ball_probability(3, 99) == 1.0
    assert 0 < ball_probability(4096, 2) < 1e-300 or ball_probability(4096, 2) == 0
    # with the byte table, 8 differing bits count 7: 255 of 256 pairs are as far as they were
    assert ball_probability(8, 6, "adsh") == pytest.approx(1 - 9 / 256)
    assert ball_probability(11, 99, "adsh") == pytest.approx(1)
    recall = parse_metric("R@r6(distance=adsh)")
    assert random_floors([recall], *labels(), 8)[recall] == pytest.approx(1 - 9 / 256)
