"""What must hold for any codes: invariances, bounds, shards, files, threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.histograms import Histograms, count_histograms, sum_shards
from hashbench.metrics.metric import Metric, parse_metrics
from hashbench.metrics.ranking import Score, evaluate, per_query_values

PLAIN = parse_metrics("mAP@all mAP@5 mAP@5/hits mAP@first4 P@6 R@6 nDCG@7 nDCG@all(gain=exp)")
RADIUS = parse_metrics("P@r2 R@r2")
Sides = tuple[Codes, Codes, LabelMasks, LabelMasks]


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.random.Generator, Sides]:
    """Random sides of any width; few bits give many ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bits = draw(st.sampled_from([1, 2, 3, 8, 17, 63, 64, 65, 100, 128, 200, 500]))
    classes = draw(st.sampled_from([1, 2, 5, 24, 64, 65, 130, 255]))
    return rng, random_sides(rng, draw(st.integers(1, 9)), draw(st.integers(1, 70)), bits, classes)


def random_sides(
    rng: np.random.Generator, queries: int, database: int, bits: int, classes: int
) -> Sides:
    def labels(rows: int) -> LabelMasks:
        hot = rng.random((rows, classes)) < 1.5 / classes
        hot[0, 0] = True  # so that some query has a relevant item
        return LabelMasks.from_multi_hot(hot)

    def codes(rows: int) -> Codes:
        return Codes.from_signs(rng.random((rows, bits)) < 0.5)

    return codes(queries), codes(database), labels(queries), labels(database)


def under(tie: str, metrics: list[Metric] = PLAIN) -> list[Metric]:
    return [metric.with_tie(tie) for metric in metrics]


def per_query(scores: list[Score]) -> np.ndarray:
    return np.array([score.per_query for score in scores])


@settings(max_examples=40, deadline=None)
@given(cases())
def test_bounds_and_the_order_of_tie_rules(case):
    _, sides = case
    ties = ("worst", "expected", "index", "best")
    worst, expected, index, best = np.split(
        per_query(evaluate(*sides, [m for tie in ties for m in under(tie)])), 4
    )
    slack = 1e-12
    counted = ~np.isnan(expected)
    assert (worst[counted] >= 0).all()
    assert (best[counted] <= 1 + slack).all()
    for inner in (expected, index):
        assert (worst[counted] <= inner[counted] + slack).all()
        assert (inner[counted] <= best[counted] + slack).all()


@settings(max_examples=40, deadline=None)
@given(cases())
def test_the_order_of_the_database_only_matters_to_index_ties(case):
    rng, (q, d, ql, dl) = case
    order = rng.permutation(len(d))
    metrics = [*under("expected"), *under("best"), *under("worst"), *RADIUS]
    before = per_query(evaluate(q, d, ql, dl, metrics))
    after = per_query(evaluate(q, d[order], ql, dl[order], metrics))
    np.testing.assert_array_equal(before, after)


@settings(max_examples=30, deadline=None)
@given(cases())
def test_flipping_a_bit_in_all_codes_changes_nothing(case):
    rng, (q, d, ql, dl) = case
    bit = int(rng.integers(q.bits))
    mask = np.zeros_like(q.words[:1])
    mask[0, bit // 64] = np.uint64(1) << np.uint64(bit % 64)
    metrics = [*under("expected"), *under("index"), *RADIUS]
    before = per_query(evaluate(q, d, ql, dl, metrics))
    flipped = Codes(q.words ^ mask, q.bits), Codes(d.words ^ mask, d.bits)
    np.testing.assert_array_equal(before, per_query(evaluate(*flipped, ql, dl, metrics)))


@settings(max_examples=30, deadline=None)
@given(cases())
def test_histograms_are_the_pair_counts(case):
    _, (q, d, ql, dl) = case
    distances = (q.to_bools()[:, None] != d.to_bools()[None]).sum(axis=2)
    shared = (ql.to_bools()[:, None] & dl.to_bools()[None]).sum(axis=2)
    for graded in (False, True):
        histograms = count_histograms(q, d, ql, dl, graded=graded)
        levels = shared if graded else np.minimum(shared, 1)
        counts = np.zeros_like(histograms.counts)
        rows = np.broadcast_to(np.arange(len(q))[:, None], shared.shape)
        np.add.at(counts, (rows, distances, levels), 1)
        np.testing.assert_array_equal(histograms.counts, counts)
        np.testing.assert_array_equal(histograms.items.sum(axis=1), len(d))
        np.testing.assert_array_equal(histograms.relevant.sum(axis=1), (shared > 0).sum(axis=1))


@settings(max_examples=30, deadline=None)
@given(cases(), st.integers(1, 5))
def test_shards_add_up_to_the_whole(case, pieces):
    rng, (q, d, ql, dl) = case
    cuts = np.sort(rng.integers(1, len(d) + 1, pieces - 1))
    parts = [part for part in np.split(np.arange(len(d)), cuts) if len(part)]
    whole = count_histograms(q, d, ql, dl, graded=True)
    summed = sum_shards(count_histograms(q, d[p], ql, dl[p], graded=True) for p in parts)
    np.testing.assert_array_equal(summed.counts, whole.counts)
    for metric in PLAIN:
        np.testing.assert_array_equal(
            per_query_values(summed, metric), per_query_values(whole, metric)
        )


def test_shards_of_different_kinds_do_not_add_up():
    rng = np.random.default_rng(0)
    sides = random_sides(rng, 3, 9, 8, 2)
    other = random_sides(rng, 3, 9, 9, 2)
    plain = count_histograms(*sides)
    for wrong in (count_histograms(*sides, graded=True), count_histograms(*other),
                  Histograms(plain.counts[:2], graded=False)):  # fmt: skip
        with pytest.raises(InputError, match="do not add up"):
            sum_shards([plain, wrong])
    with pytest.raises(InputError, match="no shard"):
        sum_shards([])


@pytest.mark.parametrize("bits", [16, 64, 192, 4096])
@pytest.mark.parametrize("classes", [24, 80, 1024])
def test_long_databases_cross_pieces_and_tiles(bits, classes):
    """Two pieces of the database and a ragged last tile, against matrices."""
    rng = np.random.default_rng(bits + classes)
    q, d, ql, dl = random_sides(rng, 5, 4096 + 1500, bits, classes)
    piece = max(4096, (1 << 17) // (-(-bits // 64) + -(-classes // 64)))
    d, dl = (side[np.tile(np.arange(len(d)), piece // len(d) + 1)] for side in (d, dl))
    metrics = parse_metrics("mAP@all mAP@all(tie=index) mAP@50(tie=index)")
    scores = evaluate(q, d, ql, dl, metrics)
    distances = bits / 2 - signs(q) @ signs(d).T / 2
    relevant = (ql.to_bools().astype(np.float32) @ dl.to_bools().T.astype(np.float32)) > 0
    order = np.argsort(distances, axis=1, kind="stable")
    ranked = np.take_along_axis(relevant, order, axis=1)
    precision = ranked.cumsum(axis=1) / np.arange(1, len(d) + 1) * ranked
    total = relevant.sum(axis=1)
    counted = total > 0
    index = (precision.sum(axis=1)[counted] / total[counted]).mean()
    assert scores[1].value == pytest.approx(index, abs=1e-12)
    at_50 = (precision[:, :50].sum(axis=1)[counted] / np.minimum(total, 50)[counted]).mean()
    assert scores[2].value == pytest.approx(at_50, abs=1e-12)
    assert scores[0].value == pytest.approx(index, abs=0.02)


def signs(codes: Codes) -> np.ndarray:
    return np.where(codes.to_bools(), 1, -1).astype(np.float32)


def test_memory_maps_threads_and_blocks_do_not_change_a_bit(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    q, d, ql, dl = random_sides(rng, 40, 3000, 64, 24)
    metrics = [*under("expected"), *under("index"), *RADIUS]
    plain = per_query(evaluate(q, d, ql, dl, metrics, threads=1))
    for name, side in (("codes", d), ("labels", dl)):
        np.save(tmp_path / f"{name}.npy", side.words)
    words, masks = (np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in ("codes", "labels"))
    mapped = Codes(words, 64), LabelMasks(masks, 24)
    assert isinstance(mapped[0].words, np.memmap)
    monkeypatch.setattr("hashbench.metrics.histograms._PIECE_WORDS", 512)
    monkeypatch.setattr("hashbench.metrics.histograms._PIECE_ITEMS", 100)
    monkeypatch.setattr("hashbench.metrics.ranking._BINS_AT_ONCE", 65 * 6 * 7)
    seen: list[tuple[int, int]] = []
    pieces = evaluate(q, mapped[0], ql, mapped[1], metrics, threads=3,
                      progress=lambda done, pairs: seen.append((done, pairs)))  # fmt: skip
    np.testing.assert_array_equal(per_query(pieces), plain)
    assert seen[-1] == (40 * 3000 * 3, 40 * 3000 * 3)  # two walks: gains linear and exp
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: (s[0], Codes.from_signs(np.ones((9, 7))), s[2], s[3]), "8 bits.*7"),
        (lambda s: (s[0], s[1], s[2], LabelMasks.from_multi_hot(np.ones((9, 3)))), "2 classes"),
        (lambda s: (s[0], s[1], s[2][:2], s[3]), "query: 3 codes but 2 label rows"),
        (lambda s: (s[0], s[1][:8], s[2], s[3]), "database: 8 codes but 9 label rows"),
        (lambda s: (s[0], s[1][:0], s[2], s[3][:0]), "database: there are no items"),
    ],
)
def test_sides_that_do_not_fit_are_refused(change, message):
    sides = random_sides(np.random.default_rng(0), 3, 9, 8, 2)
    with pytest.raises(InputError, match=message):
        evaluate(*change(sides), PLAIN)
