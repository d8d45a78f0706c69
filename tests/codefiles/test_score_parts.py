"""Scores by parts: equal to the whole to the bit, from parts made and read in any order."""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.codefiles.load import RetrievalTask, load_files
from hashbench.codefiles.read_options import ReadOptions
from hashbench.codefiles.score_parts import ScoreParts, make_all, why_not_by_parts
from hashbench.codefiles.scores import ScoredCodes, record, score
from hashbench.errors import InputError
from hashbench.files import locks, npz
from hashbench.metrics import catalog, ranking
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.metrics.metric import parse_metric, parse_metrics
from hashbench.metrics.ranking import evaluate

METRICS = parse_metrics(
    "mAP@all mAP@7 mAP@7/hits mAP@first3 P@5 R@5 P@r2 R@r2 nDCG@6 nDCG@all(gain=exp,tie=best) "
    "mAP@all(empty=zero,tie=worst) mAP@all(distance=adsh) nDCG@4(distance=adsh)"
)


def task_of(seed: int, queries: int = 5, items: int = 60, bits: int = 12) -> RetrievalTask:
    """Codes with many ties; no item is relevant for the last query."""
    rng = np.random.default_rng(seed)
    hot = rng.random((queries + items, 7)) < 0.3
    hot[0] = hot[queries] = True
    hot[:, 6] = False
    hot[queries - 1] = [False] * 6 + [True]
    codes = Codes.from_signs(rng.random((queries + items, bits)) < 0.4)
    labels = LabelMasks.from_multi_hot(hot)
    sides = codes[:queries], codes[queries:], labels[:queries], labels[queries:]
    return RetrievalTask(f"codes-{seed}.npz", "given", "i2t", *sides)


def unheard(*_: object) -> None:
    """Progress that nobody watches."""


def joined(parts: ScoreParts) -> ScoredCodes:
    return parts.join(interval=True, seed=0, report=unheard)


def assert_equal_to_the_bit(by_parts: ScoredCodes, whole: ScoredCodes) -> None:
    assert len(by_parts.scores) == len(whole.scores) == len(METRICS)
    for mine, theirs in zip(by_parts.scores, whole.scores, strict=True):
        assert mine.score.per_query.tobytes() == theirs.score.per_query.tobytes()
        assert record(by_parts, mine) == record(whole, theirs) | {"index": None}


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.data())
def test_any_cut_in_any_order_equals_the_whole(seed: int, data: st.DataObject) -> None:
    task = task_of(seed, bits=data.draw(st.sampled_from([3, 12, 64, 70])))
    count = data.draw(st.integers(1, 9) | st.just(60))
    order = data.draw(st.permutations(range(1, count + 1)))
    with tempfile.TemporaryDirectory() as folder:
        parts = ScoreParts(task, METRICS, count, Path(folder))
        for part in order:
            assert parts.make(part, unheard, threads=1)
        assert_equal_to_the_bit(joined(parts), score(task, METRICS, interval=True))


def test_queries_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_BINS_AT_ONCE", 100)  # two queries at a time, or one
    task = task_of(1)
    parts = ScoreParts(task, METRICS, 7, tmp_path)
    seen: list[tuple[str, int, int]] = []
    make_all([parts], lambda *call: seen.append(call), threads=1)
    assert_equal_to_the_bit(joined(parts), score(task, METRICS, interval=True))
    done = [call[1] for call in seen]
    assert done == sorted(done)
    assert seen[-1][1:] == (2 * 5 * 60, 2 * 5 * 60)  # two distances


def test_one_set_of_parts_serves_other_metrics(tmp_path: Path) -> None:
    task = task_of(2)
    first = ScoreParts(task, parse_metrics("mAP@all"), 3, tmp_path)
    make_all([first], unheard)
    others = ScoreParts(task, parse_metrics("P@4 R@r1"), 3, tmp_path)
    assert others.missing() == []
    assert ScoreParts(task, parse_metrics("nDCG@4"), 3, tmp_path).missing() == [1, 2, 3]
    whole = evaluate(
        task.query, task.database, task.query_labels, task.database_labels, others.metrics
    )
    assert [one.score.value for one in joined(others).scores] == [one.value for one in whole]


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def of_another_version(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"part 1\n", b"part 9\n", 1))


def exchanged(path: Path) -> None:
    path.write_bytes(next(path.parent.glob("*part-1-of-3")).read_bytes())


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (flipped, "part-2-of-3: is damaged: its bytes are not"),
        (cut, "part-2-of-3: is damaged: has"),
        (of_another_version, "part-2-of-3: is of version 9"),
        (exchanged, "part-2-of-3: was computed from other inputs: database codes, .*rows"),
    ],
)
def test_a_part_that_cannot_serve_is_refused_and_named(
    tmp_path: Path, harm: Callable[[Path], None], words: str
) -> None:
    parts = ScoreParts(task_of(3), parse_metrics("mAP@all"), 3, tmp_path)
    make_all([parts], unheard)
    before = joined(parts).scores[0].score.value
    (file,) = parts.files(2)
    harm(file)
    for refused in (lambda: joined(parts), lambda: make_all([parts], unheard)):
        with pytest.raises(InputError, match=words):
            refused()
    file.unlink()
    with pytest.raises(InputError, match="1 of 3 parts are missing: 2"):
        joined(parts)
    make_all([parts], unheard)
    assert joined(parts).scores[0].score.value == before


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("query", "query codes differs"),
        ("database", "database codes differs"),
        ("query_labels", "query labels differs"),
        ("database_labels", "database labels differs"),
    ],
)
def test_parts_of_other_inputs_are_refused(tmp_path: Path, changed: str, words: str) -> None:
    task = task_of(4)
    make_all([ScoreParts(task, parse_metrics("mAP@all"), 2, tmp_path)], unheard)
    side = getattr(task, changed)
    words_of_side = side.words.copy()
    words_of_side[-1] ^= np.uint64(1)
    width = side.bits if isinstance(side, Codes) else side.classes
    other = RetrievalTask(**{**task.__dict__, changed: type(side)(words_of_side, width)})
    with pytest.raises(InputError, match=f"computed from other inputs: {words}"):
        joined(ScoreParts(other, parse_metrics("mAP@all"), 2, tmp_path))


def test_every_metric_says_whether_parts_serve(tmp_path: Path) -> None:
    for name in catalog.examples():
        metric = parse_metric(name)
        assert why_not_by_parts(metric, 1000) == ""
        if metric.has_ties:
            assert "database order" in why_not_by_parts(metric.with_tie("index"), 1000)
    assert "21.3 GB" in why_not_by_parts(parse_metric("nDCG@all"), 1_333_333_334)
    assert why_not_by_parts(parse_metric("nDCG@100"), 10**10) == ""
    for metrics, parts, words in (
        ("mAP@all(tie=index)", 2, r"mAP@all\(tie=index\) cannot be scored by parts: ties in"),
        ("mAP@all", 61, "61 parts of a database of 60 items"),
    ):
        with pytest.raises(InputError, match=words):
            ScoreParts(task_of(5), parse_metrics(metrics), parts, tmp_path)


def test_a_part_that_another_makes_is_left_to_it_and_waited_for(tmp_path: Path) -> None:
    task = task_of(6)
    parts = ScoreParts(task, parse_metrics("mAP@all"), 4, tmp_path)
    (file,) = parts.files(3)
    lock = locks.take(tmp_path / f".{parts.name}.part-3-of-4.lock")
    assert lock is not None
    assert not parts.make(3, unheard, threads=1)
    waiting = threading.Event()

    def heard(what: str, done: int, total: int) -> None:
        if what.startswith("waiting"):
            waiting.set()

    builder = threading.Thread(target=make_all, args=([parts], heard))
    builder.start()
    try:
        assert waiting.wait(60)
        assert parts.missing() == [3]  # all others first
        assert not file.exists()
    finally:
        lock.close()  # as when its maker dies
        builder.join(60)
    assert parts.missing() == []
    whole = score(task, parts.metrics)
    assert joined(parts).scores[0].score.value == whole.scores[0].score.value


def is_mapped(array: np.ndarray) -> bool:
    """Whether the memory of an array is that of a mapped file."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)


def test_packed_npy_files_are_mapped_and_never_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_of(7, bits=64)
    monkeypatch.setattr(npz, "MAPPED_BYTES", 100)
    monkeypatch.chdir(tmp_path)
    for name in ("query", "database", "query_labels", "database_labels"):
        np.save(f"{name}.npy", getattr(task, name).words)
    options = ReadOptions(
        query_labels="query_labels.npy", database_labels="database_labels.npy", labels_as="packed"
    )
    (mapped,) = load_files([Path("query.npy"), Path("database.npy")], options)
    for side in (mapped.database, mapped.database_labels):
        assert is_mapped(side.words)
    (by_file,) = score(mapped, METRICS[:1]).scores
    (in_memory,) = score(task, METRICS[:1]).scores
    assert by_file.score.value == in_memory.score.value
    for name in ("query_labels", "database_labels"):
        np.save(f"{name}.npy", getattr(task, name).words.astype(np.int64))
    with pytest.raises(InputError, match="a bit for each class"):
        load_files([Path("query.npy"), Path("database.npy")], options)
