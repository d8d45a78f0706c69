"""`hashbench.evaluate` against slow references, for everything that programs hold codes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hashbench
from hashbench.errors import InputError
from hashbench.metrics.metric import parse_metric
from tests.metrics import naive

DRAW = np.random.default_rng(3)
LABELS = DRAW.random((60, 4)) < 0.4
LABELS[0] = False  # a query without a relevant item
BITS = DRAW.random((60, 70)) < 0.5
METRICS = ["mAP@all", "P@5", "nDCG@10", "mAP@all(tie=index)"]


def packed(bits: np.ndarray, dtype: str) -> np.ndarray:
    padded = np.zeros((len(bits), -(-bits.shape[1] // 64) * 64), bool)
    padded[:, : bits.shape[1]] = bits
    words = np.packbits(padded, axis=1, bitorder="little")
    return words[:, : -(-bits.shape[1] // 8)] if dtype == "uint8" else words.view("<u8")


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "signs": lambda bits: np.where(bits, 1.0, -1.0),
    "zeros and ones": lambda bits: bits.astype(np.int64),
    "booleans": lambda bits: bits,
    "lists": lambda bits: bits.astype(int).tolist(),
    "int8 tensor": lambda bits: torch.from_numpy(bits).to(torch.int8) * 2 - 1,
    "bfloat16 tensor": lambda bits: torch.from_numpy(bits).to(torch.bfloat16) * 2 - 1,
    "tensor with a gradient": lambda bits: (
        (torch.from_numpy(bits).float() * 2 - 1).requires_grad_() * 1.0
    ),
    "boolean tensor, strided": lambda bits: torch.from_numpy(np.repeat(bits, 2, axis=1))[:, ::2],
}
if torch.cuda.is_available():
    FORMS["tensor on a GPU"] = lambda bits: torch.from_numpy(bits).cuda()


def reference(name: str, query: int) -> float:
    distances = (BITS[20:] != BITS[query]).sum(axis=1).tolist()
    levels = (LABELS[20:] & LABELS[query]).sum(axis=1).tolist()
    if "index" in name:
        return naive.value(parse_metric(name), distances, levels)
    # all orders of ties are too many for a list: the mean over many random ones is near enough
    draw = np.random.default_rng(query)
    orders = [draw.permutation(40) for _ in range(300)]
    ranked = [
        [levels[i] for i in order[np.argsort(np.take(distances, order), kind="stable")]]
        for order in orders
    ]
    return float(np.mean([naive.of_ranking(parse_metric(name), one) for one in ranked]))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_codes_gives_the_same_scores(form: str) -> None:
    make = FORMS[form]
    scores = hashbench.evaluate(make(BITS[:20]), make(BITS[20:]), LABELS[:20], LABELS[20:], METRICS)
    expected = hashbench.evaluate(BITS[:20], BITS[20:], LABELS[:20], LABELS[20:], METRICS)
    assert scores.values_by_name() == expected.values_by_name()
    assert list(scores) == METRICS


@pytest.mark.parametrize("dtype", ["uint8", "uint64"])
@pytest.mark.parametrize("tensor", [False, True])
def test_packed_codes(dtype: str, tensor: bool) -> None:
    words = packed(BITS, dtype)
    given: Any = torch.from_numpy(words.copy()) if tensor else words
    scores = hashbench.evaluate(given[:20], given[20:], LABELS[:20], LABELS[20:], bits=70)
    assert scores.task.query.bits == 70
    assert scores.value == hashbench.evaluate(BITS[:20], BITS[20:], LABELS[:20], LABELS[20:]).value


def test_scores_are_those_of_a_naive_reference() -> None:
    scores = hashbench.evaluate(BITS[:20], BITS[20:], LABELS[:20], LABELS[20:], METRICS)
    for name in METRICS:
        ours = scores[name].per_query
        scored = (LABELS[:20].astype(int) @ LABELS[20:].T.astype(int)).any(axis=1)
        assert np.array_equal(np.isfinite(ours), scored)
        assert scores[name].counted == scored.sum() < 20
        near = 1e-12 if "index" in name else 0.02
        for query in np.flatnonzero(scored).tolist():
            assert ours[query] == pytest.approx(reference(name, query), abs=near), (name, query)
        assert scores[name].value == pytest.approx(np.nanmean(ours))


@given(st.integers(0, 2**32 - 1))
def test_class_numbers_are_the_same_as_one_label_an_item(seed: int) -> None:
    draw = np.random.default_rng(seed)
    numbers = draw.integers(0, 4, 30)
    numbers[:4] = range(4)  # so that every class is among the queries and the database
    numbers[10:14] = range(4)
    codes = torch.from_numpy(draw.random((30, 9)) < 0.5)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(numbers))
    by_number = hashbench.evaluate(codes[:10], codes[10:], numbers[:10], numbers[10:])
    by_row = hashbench.evaluate(codes[:10], codes[10:], one_hot[:10], one_hot[10:])
    assert by_number.per_query.tolist() == by_row.per_query.tolist()


def test_how_sure_a_score_is() -> None:
    good = hashbench.evaluate(
        *(np.repeat(part, 4, axis=1) for part in (LABELS[:20], LABELS[20:])),
        LABELS[:20], LABELS[20:], ["mAP@all", "P@r2"],
    )  # fmt: skip
    poor = hashbench.evaluate(BITS[:20], BITS[20:], LABELS[:20], LABELS[20:])
    assert good.ties["worst"] <= good.ties["index"] <= good.ties["best"]
    assert good["P@r2"].ties == {}
    assert poor.floor == pytest.approx(poor.value, abs=0.15)
    interval = good.interval(0.9)
    assert interval.low < good.value < interval.high
    assert good.versus(poor).difference == pytest.approx(good.value - poor.value)
    assert good.versus(poor).p_value < 0.01 < poor.versus(poor).p_value
    with pytest.raises(InputError, match="query labels differ"):
        good.versus(hashbench.evaluate(BITS[1:21], BITS[21:], LABELS[1:21], LABELS[21:]))
    with pytest.raises(KeyError, match="P@r2"):
        good["mAP@7"]


def test_real_values_become_bits_as_asked() -> None:
    real = DRAW.normal(size=(60, 16)) + DRAW.normal(size=16)
    with pytest.raises(InputError, match='binarize="sign"'):
        hashbench.evaluate(real[:20], real[20:], LABELS[:20], LABELS[20:])
    for binarize, bits in (
        ("sign", real >= 0),
        ("median", real > np.median(real[20:], axis=0)),
    ):
        ours = hashbench.evaluate(
            torch.from_numpy(real[:20]), real[20:], LABELS[:20], LABELS[20:], binarize=binarize
        )  # type: ignore[arg-type]
        theirs = hashbench.evaluate(bits[:20], bits[20:], LABELS[:20], LABELS[20:])
        assert ours.value == theirs.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": np.where(BITS[:20], 1, 0) - (np.arange(70) % 3 == 0)}, 'zero="plus"'),
        ({"query": BITS[:20, :64]}, "same number of bits"),
        ({"query": BITS[:20].T, "database": BITS[20:].T}, "transpose it"),
        ({"query_labels": LABELS[:19]}, "do not match"),
        ({"query": [[1, 2], [3]]}, "query: is no array"),
        ({"query": np.full((20, 70), np.nan)}, "NaN"),
        ({"metrics": ["mAP@al"]}, "mAP@all"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    arguments = {
        "query": BITS[:20], "database": BITS[20:],
        "query_labels": LABELS[:20], "database_labels": LABELS[20:],
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        hashbench.evaluate(**(arguments | change))
    assert message in str(caught.value)
    assert "--" not in str(caught.value)


def test_a_notebook_shows_the_table() -> None:
    scores = hashbench.evaluate(BITS[:20], BITS[20:], LABELS[:20], LABELS[20:], ["mAP@all", "P@r2"])
    page = scores._repr_html_()
    assert page.count("<tr>") == 3
    assert f"{scores.value:.4f}" in page
    assert f"{scores.value:.4f}" in scores.to_markdown()
