"""CIRH: its similarity against a full matrix, its graph network, and what the release shuffles."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hashbench.methods.cirh.method import Cirh
from hashbench.methods.cirh.similarity import cut_offs, joint_similarity, with_neighbours
from tests.methods.stages import batch, begun, cosine, items, made, trained, values

A1, A2, CUT = 0.6, 0.7, 0.6


def full_similarity(images: Tensor, texts: Tensor) -> np.ndarray:
    """The N x N matrix, row by row as the paper has it."""
    n = len(images)
    S1 = np.array(
        [
            [
                A1 * cosine(images[i], images[j]) + (1 - A1) * cosine(texts[i], texts[j])
                for j in range(n)
            ]
            for i in range(n)
        ]
    )
    for row in S1:
        row[np.argsort(row, kind="stable")[: round(CUT * n)]] = 0.0
    S2 = 2.0 / (1.0 + np.exp(-S1)) - 1.0 + np.eye(n)
    return A2 * S1 + (1 - A2) * (S2 + S2.T) / 2


def test_a_batch_s_similarity_is_its_part_of_the_full_matrix() -> None:
    train = items(20)
    full = full_similarity(train.images, train.texts)
    cut = cut_offs(train.images, train.texts, A1, CUT)
    rows = torch.tensor([4, 17, 0, 9, 11])
    S = joint_similarity(train.images[rows], train.texts[rows], cut[rows], A1, A2)
    np.testing.assert_allclose(S.numpy(), full[np.ix_(rows, rows)], atol=1e-5)


@settings(max_examples=20)
@given(st.integers(2, 30), st.floats(0.0, 0.99))
def test_so_many_of_a_row_are_cut_as_asked(count: int, cut: float) -> None:
    train = items(count)
    at = cut_offs(train.images, train.texts, 1.0, cut)
    V = F.normalize(train.images, dim=1)
    kept = (V @ V.T).gt(at[:, None]).sum(1)
    assert kept.tolist() == [max(1, count - round(cut * count))] * count


def test_neighbours_are_the_third_and_fourth_by_similarity() -> None:
    S = torch.tensor([[9.0, 1, 5, 7, 3], [0, 9, 8, 7, 6]] + [[0.0, 0, 0, 0, 0]] * 3)
    x = torch.eye(5)
    mixed = with_neighbours(x, S)
    torch.testing.assert_close(mixed[0], 0.7 * x[0] + 0.2 * x[2] + 0.1 * x[4])
    torch.testing.assert_close(mixed[1], 0.7 * x[1] + 0.2 * x[3] + 0.1 * x[4])
    assert with_neighbours(x[:1], S[:1, :1]).equal(x[:1])


def test_the_terms_of_both_networks() -> None:
    model = cast("Cirh", begun("cirh", batch_size=24, dropout=0.0))
    terms = values(model)
    train, graph = model.context.train, model.graph
    S = model._similarity(torch.arange(len(train)))
    with torch.no_grad():
        images, texts = with_neighbours(train.images, S), with_neighbours(train.texts, S)
        made = graph(images, texts, S)
        v, t = model.encode_image(train.images)[8], model.encode_text(train.texts)[8]
    n, B = len(train), torch.where(made.joint >= 0, 1.0, -1.0)

    def mse(a: Tensor, b: Tensor) -> float:
        pairs = zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
        return math.fsum((x - y) ** 2 for x, y in pairs) / a.numel()

    def structure(a: Tensor, b: Tensor) -> float:
        return mse(torch.tensor([[cosine(a[i], b[j]) for j in range(n)] for i in range(n)]), S)

    assert terms["reconstruction"] == pytest.approx(
        mse(made.images, images) + mse(made.texts, texts), rel=1e-4
    )
    assert terms["structure"] == pytest.approx(
        sum(structure(h, h) for h in (made.image, made.text, made.joint)), rel=1e-4
    )
    assert terms["quantisation"] == pytest.approx(mse(made.joint, B), rel=1e-4)
    assert terms["hash"] == pytest.approx(mse(v, B) + mse(t, B) + mse(v, t), rel=1e-4)
    assert terms["hash structure"] == pytest.approx(
        structure(v, t) + structure(v, v) + structure(t, t), rel=1e-4
    )
    weights = [term.weight for term in model.losses(model.stages()[0], batch(model)).values()]
    assert weights == [10.0, 1.0, 1.0, 1.0, 0.01]


def test_as_released_shuffled_items_meet_the_similarity_of_others() -> None:
    first, second = torch.randperm(24, generator=torch.Generator().manual_seed(1)).split(12)
    in_order = [torch.arange(12), torch.arange(12, 24)]
    for rows in ((first, second), in_order):
        measured = []
        for ablate in ((), ("shuffled-similarity",)):
            model = begun("cirh", ablate=ablate, dropout=0.0)
            model.eval()  # batch norms keep their statistics: both runs see the same codes
            measured.append([values(model, each)["hash structure"] for each in rows])
        # items in their own order are those at the batch's place, so that nothing differs
        assert (measured[0] == measured[1]) is (rows is in_order)
    # an epoch begins at the first place again
    model = cast("Cirh", begun("cirh", ablate=("shuffled-similarity",)))
    values(model, first)
    assert model._rows(batch(model, second)).tolist() == list(range(12, 24))
    model.end_epoch(model.stages()[0])
    assert model._rows(batch(model, first)).tolist() == list(range(12))


def test_no_batch_is_a_single_item_which_norms_could_not_take() -> None:
    model = made("cirh", train=items(17), batch_size=8)
    size = model.stages()[0].batch_size
    assert 17 % size != 1
    assert made("cirh", train=items(16), batch_size=8).stages()[0].batch_size == 8


def test_hash_functions_learn_the_graph_s_codes() -> None:
    totals = trained(made("cirh", lr=1e-2, batch_size=24), steps=80)
    assert totals[-1] < 0.7 * totals[0]
