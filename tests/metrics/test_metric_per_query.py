"""Every metric under every tie rule against references that look at every order within ties."""

from __future__ import annotations

import math

import naive
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hashbench.errors import InputError
from hashbench.metrics.average_precision import average_precision
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.histograms import DISTANCE_TABLES, count_histograms
from hashbench.metrics.metric import Metric, parse_metric, parse_metrics
from hashbench.metrics.per_query import per_query_values
from hashbench.metrics.precision_recall import precision_recall_curve
from hashbench.metrics.ranking import evaluate

CUTS = ("mAP@all", "mAP@1", "mAP@3", "mAP@4/hits", "mAP@2/hits", "mAP@first2", "mAP@first1",
        "P@1", "P@3", "R@2", "R@9", "nDCG@3", "nDCG@all")  # fmt: skip
TIES = ("expected", "index", "best", "worst")
METRICS = [parse_metric(f"{cut}(tie={tie},empty=zero)") for cut in CUTS for tie in TIES]
METRICS += [parse_metric(f"nDCG@2(tie={tie},gain=exp,empty=zero)") for tie in TIES]
METRICS += parse_metrics("P@r0(empty=zero) R@r0(empty=zero) P@r2(empty=zero) R@r1(empty=zero)")


@st.composite
def sides(draw: st.DrawFn, items: int = 6, bits: int = 3) -> tuple[np.ndarray, ...]:
    """Booleans: query codes, database codes, query labels, database labels."""
    width, classes = draw(st.integers(1, bits)), draw(st.integers(1, 3))
    queries, database = draw(st.integers(1, 3)), draw(st.integers(1, items))

    def table(rows: int, columns: int) -> np.ndarray:
        flat = draw(st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns))
        return np.array(flat).reshape(rows, columns)

    return (table(queries, width), table(database, width),
            table(queries, classes), table(database, classes))  # fmt: skip


def packed(arrays: tuple[np.ndarray, ...]) -> tuple[Codes, Codes, LabelMasks, LabelMasks]:
    q, d, ql, dl = arrays
    return (Codes.from_signs(q), Codes.from_signs(d),
            LabelMasks.from_multi_hot(ql), LabelMasks.from_multi_hot(dl))  # fmt: skip


def reference(metric: Metric, arrays: tuple[np.ndarray, ...]) -> list[float]:
    q, d, ql, dl = arrays
    table = None if metric.distance == "hamming" else DISTANCE_TABLES[metric.distance]
    return [
        naive.value(
            metric,
            [naive.distance(code, item, table) for item in d],
            [int((labels & item).sum()) for item in dl],
        )
        for code, labels in zip(q, ql, strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(sides())
def test_every_metric_and_tie_rule_agrees_with_all_orders_within_ties(arrays):
    scores = evaluate(*packed(arrays), METRICS, threads=1)
    for metric, score in zip(METRICS, scores, strict=True):
        expected = reference(metric, arrays)
        np.testing.assert_allclose(score.per_query, expected, atol=1e-12, err_msg=str(metric))
        assert score.value == pytest.approx(sum(expected) / len(expected), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(sides(items=5, bits=20))
def test_the_adsh_distance_agrees_with_its_table(arrays):
    metrics = parse_metrics("mAP@all(tie=index,distance=adsh,empty=zero) P@r7(distance=adsh)")
    # Make a whole byte differ somewhere, else the table and the Hamming distance agree.
    q, d, ql, dl = arrays
    q, d = np.pad(q, ((0, 0), (8, 0))), np.pad(d, ((0, 0), (8, 0)))
    d[0, :8] = True
    ql[0, 0] = True
    arrays = q, d, ql, dl
    scores = evaluate(*packed(arrays), [metrics[0]])
    np.testing.assert_allclose(scores[0].per_query, reference(metrics[0], arrays), atol=1e-12)
    counts = count_histograms(*packed(arrays), distance="adsh")
    assert per_query_values(counts, metrics[1])[0] == reference(metrics[1], arrays)[0]


groups = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(groups, st.integers(1, 130))
@example([(7, 0), (60, 2)], 20)  # a cut-off that may find nothing
@example([(3, 3), (90, 80), (5, 1)], 50)
def test_closed_forms_agree_with_following_the_hits_position_by_position(counts, number):
    items, relevant = (np.array([column]) for column in zip(*counts, strict=True))
    if relevant.sum() == 0:
        return
    number = min(number, int(items.sum()))
    for name, first, by_hits in (("mAP@{}", False, False), ("mAP@{}/hits", False, True),
                                 ("mAP@first{}", True, False)):  # fmt: skip
        metric = parse_metric(name.format(number))
        expected = naive.expected_by_positions(counts, number, first=first, by_hits=by_hits)
        value = average_precision(items, relevant, metric)[0]
        assert value == pytest.approx(expected, rel=1e-11), str(metric)


@pytest.mark.parametrize("nearer", [0, 1, 31, 32, 1000, 10_000_000])
@pytest.mark.parametrize("tied", [1, 2, 1000, 300_000])
def test_harmonic_sums_keep_their_digits(nearer, tied):
    # Two hits behind `nearer` misses, at random among `tied` items (or one of one).
    relevant = min(2, tied)
    items, hits = np.array([[nearer, tied]]), np.array([[0, relevant]])
    chance, more = relevant / tied, (relevant - 1) / (tied - 1) if tied > 1 else 0
    terms = (chance * (1 + i * more) / (nearer + i + 1) for i in range(tied))
    expected = math.fsum(terms) / relevant
    value = average_precision(items, hits, Metric("mAP"))[0]
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_one_query_worked_by_hand():
    # Distances 0 1 1 2; the items at 0 and 2 and one of the two at 1 are relevant.
    q, d = np.zeros((1, 2), bool), np.array([[0, 0], [0, 1], [1, 0], [1, 1]], bool)
    ql, dl = np.ones((1, 1), bool), np.array([[1], [0], [1], [1]], bool)
    values = {
        str(score.metric): score.value
        for score in evaluate(*packed((q, d, ql, dl)), parse_metrics(
            "mAP@all mAP@all(tie=index) mAP@all(tie=best) mAP@2 mAP@2/hits P@2 R@2 P@r1 R@r1"
        ))
    }  # fmt: skip
    best, worst = (1 + 1 + 3 / 4) / 3, (1 + 2 / 3 + 3 / 4) / 3
    assert values == pytest.approx({
        "mAP@all": (best + worst) / 2, "mAP@all(tie=index)": worst, "mAP@all(tie=best)": best,
        "mAP@2": (1 + 0.5) / 2, "mAP@2/hits": 1, "P@2": 0.75, "R@2": 1.5 / 3,
        "P@r1": 2 / 3, "R@r1": 2 / 3,
    })  # fmt: skip


def test_queries_without_relevant_items_are_left_out_and_counted():
    q, d = np.zeros((3, 4), bool), np.zeros((5, 4), bool)
    ql, dl = np.array([[1, 0], [0, 1], [0, 0]], bool), np.array([[1, 0]] * 5, bool)
    out, zero = evaluate(*packed((q, d, ql, dl)), parse_metrics("mAP@all mAP@all(empty=zero)"))
    assert (out.value, out.counted, out.without_relevant) == (1.0, 1, 2)
    assert np.isnan(out.per_query).tolist() == [False, True, True]
    assert (zero.value, zero.counted, zero.without_relevant) == (pytest.approx(1 / 3), 3, 2)
    assert zero.per_query.tolist() == [1, 0, 0]


def test_no_query_to_score_by_is_an_error():
    arrays = np.zeros((1, 4), bool), np.zeros((5, 4), bool), np.ones((1, 1), bool)
    with pytest.raises(InputError, match="no query has a relevant item"):
        evaluate(*packed((*arrays, np.zeros((5, 1), bool))), parse_metrics("mAP@all"))
    with pytest.raises(InputError, match="no query has a relevant item"):
        precision_recall_curve(count_histograms(*packed((*arrays, np.zeros((5, 1), bool)))))


def test_empty_balls_are_counted():
    q = np.array([[0, 0, 0], [1, 1, 1]], bool)
    d = np.array([[0, 0, 0], [0, 0, 1]], bool)
    labels = np.ones((2, 1), bool)
    precision, recall, everything = evaluate(
        *packed((q, d, labels, labels)), parse_metrics("P@r1 R@r1 mAP@all")
    )
    assert precision.empty_balls == recall.empty_balls == 0.5
    assert everything.empty_balls is None
    assert precision.per_query.tolist() == [1.0, 0.0]


@settings(max_examples=40, deadline=None)
@given(sides(items=8, bits=8))
def test_the_precision_recall_curve_holds_the_values_within_each_radius(arrays):
    q, d, ql, dl = arrays
    ql[0], dl[0] = True, True
    counts = count_histograms(*packed((q, d, ql, dl)))
    curve = precision_recall_curve(counts)
    assert curve.radius.tolist() == list(range(q.shape[1] + 1))
    for radius in curve.radius:
        recall, precision = evaluate(
            *packed((q, d, ql, dl)), parse_metrics(f"R@r{radius} P@r{radius}")
        )
        assert curve.recall[radius] == pytest.approx(recall.value)
        assert curve.empty_balls[radius] == pytest.approx(precision.empty_balls)
        filled = 1 - curve.empty_balls[radius]
        if filled > 0:
            assert curve.precision[radius] * filled == pytest.approx(precision.value)
        else:
            assert np.isnan(curve.precision[radius])
    assert curve.recall[-1] == 1
    assert (np.diff(curve.recall) >= -1e-15).all()


def test_ndcg_with_a_thousand_shared_labels_stays_finite():
    labels = np.ones((3, 1024), bool)
    labels[1, 0], labels[2, 600:] = False, False
    codes = np.array([[0, 0], [0, 1], [1, 1]], bool)
    arrays = codes[:1], codes, labels[:1], labels
    for score in evaluate(*packed(arrays), parse_metrics("nDCG@all(gain=exp) nDCG@2(gain=exp)")):
        assert score.value == pytest.approx(1.0)


def test_histograms_alone_do_not_know_the_database_order():
    labels, codes = np.ones((2, 1), bool), np.zeros((2, 3), bool)
    counts = count_histograms(*packed((codes, codes, labels, labels)))
    with pytest.raises(InputError, match="database order"):
        per_query_values(counts, parse_metric("mAP@all(tie=index)"))
    with pytest.raises(InputError, match="graded"):
        per_query_values(counts, parse_metric("nDCG@all"))
