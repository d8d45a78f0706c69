"""DJSRH and JDSH: what codes reconstruct, and the tanh that steepens."""

from __future__ import annotations

from typing import cast

import pytest
import torch

from hashbench.methods.frozen import AnnealedHeads
from hashbench.methods.jdsh.method import RELEASED, Jdsh
from hashbench.nn.feature_similarity import djsrh_similarity
from tests.methods.stages import batch, begun, cosine, made, trained, values


def test_djsrh_weighs_three_structures() -> None:
    model = begun("djsrh")
    terms = values(model)
    train = model.context.train
    S = djsrh_similarity(train.images, train.texts, 0.9, 0.4, 1.5)
    n = len(train)
    with torch.no_grad():
        v, t = model.encode_image(train.images)[8], model.encode_text(train.texts)[8]
    for name, a, b in (("inter", v, t), ("image", v, v), ("text", t, t)):
        pairs = [(cosine(a[i], b[j]) - float(S[i, j])) ** 2 for i in range(n) for j in range(n)]
        assert terms[name] == pytest.approx(sum(pairs) / n**2, rel=1e-5)
    weights = [term.weight for term in model.losses(model.stages()[0], batch(model)).values()]
    assert weights == [1.0, 0.1, 0.1]


@pytest.mark.parametrize("name", ["djsrh", "jdsh"])
def test_the_tanh_steepens_and_signs_do_not_move(name: str) -> None:
    model = cast("AnnealedHeads", begun(name))
    (stage,) = model.stages()
    images = model.context.train.images
    before = model.encode_image(images)[8]
    model.end_epoch(stage)
    model.end_epoch(stage)
    after = model.encode_image(images)[8]
    torch.testing.assert_close(after, torch.tanh(3**0.5 * torch.atanh(before)))
    model = cast("AnnealedHeads", begun(name, ablate=("no-annealing",)))
    before = model.encode_image(images)[8]
    model.end_epoch(stage)
    torch.testing.assert_close(model.encode_image(images)[8], before)


def test_jdsh_also_draws_the_two_codes_of_an_item_together() -> None:
    model = cast("Jdsh", begun("jdsh", ablate=("no-weighting",)))
    terms = values(model)
    train = model.context.train
    S = 1.4 * model._joint(train.images, train.texts)
    v, t = model.encode_image(train.images)[8], model.encode_text(train.texts)[8]
    n = len(train)
    expected = 0.0
    for i in range(n):
        expected -= cosine(v[i].detach(), t[i].detach()) / n
        for j in range(n):
            across = cosine(v[i].detach(), t[j].detach()) - float(S[i, j])
            expected += across**2 / n**2
            across = cosine(t[i].detach(), v[j].detach()) - float(S[i, j])
            expected += across**2 / n**2
    assert terms["inter"] == pytest.approx(expected, rel=1e-5)


def test_jdsh_s_released_thresholds_are_not_those_of_the_run_s_features() -> None:
    fitted, released = (
        cast("Jdsh", begun("jdsh", ablate=ablate)) for ablate in ((), ("released-thresholds",))
    )
    assert released.thresholds[2:].tolist() == pytest.approx([RELEASED.left, RELEASED.right])
    low, high, left, right = fitted.thresholds.tolist()
    assert low < high
    assert left < right
    assert (left, right) != (RELEASED.left, RELEASED.right)


@pytest.mark.parametrize("name", ["djsrh", "jdsh"])
def test_codes_come_nearer_to_the_similarity(name: str) -> None:
    totals = trained(made(name, lr=0.05), steps=60)
    assert totals[-1] < 0.7 * totals[0]
