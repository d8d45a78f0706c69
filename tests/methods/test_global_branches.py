"""The global branches of CMCL and MITH, and CLIPMH's fusion: losses and encoders against loops."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

import pytest
import torch
from torch import Tensor

from hashbench.methods.clipmh.method import ClipMh
from hashbench.methods.cmcl.method import Cmcl
from hashbench.methods.mith.method import Mith
from tests.methods.stages import batch, begun, cosine, items, made, trained, values

ROWS = torch.tensor([2, 5, 11, 3])


def likelihood(A: Tensor, h: Tensor, labels: Tensor, rows: Tensor) -> float:
    total = 0.0
    for i in range(len(A)):
        for j, row in enumerate(rows.tolist()):
            theta = 0.5 * float(A[i] @ h[j])
            similar = float(labels[i] @ labels[row] > 0)
            total += math.log1p(math.exp(theta)) - similar * theta
    return total / (len(A) * len(rows))


def contrast(a: Tensor, b: Tensor, tau: float) -> float:
    total = 0.0
    for x, y in ((a, b), (b, a)):
        for i in range(len(x)):
            logits = [cosine(x[i], y[j]) / tau for j in range(len(y))]
            total -= (logits[i] - math.log(sum(map(math.exp, logits)))) / len(x)
    return total / 2


def test_mith_draws_codes_to_the_other_modality_and_to_signs_of_the_batch() -> None:
    # texts of other items, so that the two codes of an item have different signs
    unpaired = replace(items(joint=True), texts=items(joint=True, seed=1).texts)
    model = cast("Mith", begun("mith", train=unpaired))
    model.M_v.normal_()
    model.M_t.normal_()
    terms, train = values(model, ROWS), model.context.train
    with torch.no_grad():
        images, texts = (
            x * 12**0.5 / x.norm(dim=1, keepdim=True)
            for x in (train.images[ROWS], train.texts[ROWS])
        )
        g_v, g_t = model.refine(images), model.refine(texts)
        v, t = model.head(g_v).tanh(), model.head(g_t).tanh()
    # the memories hold the batch's codes before they are compared with
    torch.testing.assert_close(model.M_v[ROWS], v)
    pairs = likelihood(model.M_v, t, train.labels, ROWS)
    pairs += likelihood(model.M_t, v, train.labels, ROWS)
    assert terms["inter"] == pytest.approx(pairs, rel=1e-4)
    distance = 0.0
    for i in range(4):
        for k in range(8):
            B = 1.0 if v[i, k] + t[i, k] >= 0 else -1.0
            distance += (float(v[i, k]) - B) ** 2 + (float(t[i, k]) - B) ** 2
    assert terms["quantisation"] == pytest.approx(distance / 32, rel=1e-4)
    assert terms["alignment"] == pytest.approx(contrast(g_v, g_t, 0.07), rel=1e-4)


def test_cmcl_sums_over_lengths_and_weighs_the_auxiliary_one() -> None:
    model = cast("Cmcl", begun("cmcl", bits=(4, 8), auxiliary_bits=12, mu=20.0))
    model.eval()  # no dropout
    for K in (4, 8, 12):
        for stream in ("image", "text"):
            model.memories.of(stream, K).normal_()
    terms, train = values(model, ROWS), model.context.train
    with torch.no_grad():
        images, texts = (
            x * 12**0.5 / x.norm(dim=1, keepdim=True)
            for x in (train.images[ROWS], train.texts[ROWS])
        )
        features = {"image": model.mlp(images), "text": model.mlp(texts)}
        codes = {m: model.heads(x) for m, x in features.items()}
    expected = dict.fromkeys(("intra", "inter", "quantisation", "reconstruction"), 0.0)
    longest = model.memories.target("image", 12)[ROWS]
    for K, weight in ((4, 1.0), (8, 1.0), (12, 20.0)):
        B = model.memories.target("image", K)[ROWS]
        for m, h in codes.items():
            other = "text" if m == "image" else "image"
            for name, stream in (("intra", m), ("inter", other)):
                memory = model.memories.of(stream, K)
                expected[name] += weight * likelihood(memory, h[K], train.labels, ROWS)
            expected["quantisation"] += weight * float((h[K] - B).square().sum()) / (4 * K)
            if K < 12:
                with torch.no_grad():
                    decoded = model.heads.decoders[str(K)](h[K])
                expected["reconstruction"] += float((decoded - longest).square().sum()) / 4
    expected["alignment"] = contrast(features["image"], features["text"], 0.07)
    assert terms == pytest.approx(expected, rel=1e-4)
    assert set(model.encode_image(train.images)) == {4, 8}


def test_clipmh_gates_each_element_of_both_modalities() -> None:
    model = cast("ClipMh", begun("clipmh"))
    train = model.context.train
    both = torch.ones(len(train), 2, dtype=torch.bool)
    with torch.no_grad():
        codes = model.encode_mm(train.images, train.texts, both)[8]
        for i in (0, 7):
            v, t = train.images[i], train.texts[i]
            v, t = v * 12**0.5 / v.norm(), t * 10**0.5 / t.norm()
            x = torch.cat([model.image_layer(v).tanh(), model.text_layer(t).tanh()])
            assert model.gate is not None
            x = torch.sigmoid(model.gate(x)) * x
            torch.testing.assert_close(codes[i], model.head(x).tanh())
    assert cast("ClipMh", made("clipmh", ablate=("no-gate",))).gate is None


@pytest.mark.parametrize("lacking", [0, 1])
def test_clipmh_codes_do_not_depend_on_what_an_item_lacks(lacking: int) -> None:
    model = begun("clipmh")
    train, other = model.context.train, items(seed=1)
    available = torch.ones(len(train), 2, dtype=torch.bool)
    available[:, lacking] = False
    images, texts = (
        b if lacking == side else a
        for side, (a, b) in enumerate(((train.images, other.images), (train.texts, other.texts)))
    )
    with torch.no_grad():
        codes = model.encode_mm(train.images, train.texts, available)[8]
        assert codes.equal(model.encode_mm(images, texts, available)[8])


def test_clipmh_s_loss_is_pghmh_s_likelihood_and_a_distance_to_signs() -> None:
    model = cast("ClipMh", begun("clipmh"))
    model.memories.of("mm", 8).normal_()
    terms, train = values(model, ROWS), model.context.train
    with torch.no_grad():
        both = torch.ones(4, 2, dtype=torch.bool)
        h = model.encode_mm(train.images[ROWS], train.texts[ROWS], both)[8]
    expected = likelihood(model.memories.of("mm", 8), h, train.labels, ROWS)
    assert terms["pairwise"] == pytest.approx(expected, rel=1e-4)
    B = model.memories.target("mm", 8)[ROWS]
    assert terms["quantisation"] == pytest.approx(float((h - B).square().sum()) / 32, rel=1e-4)


@pytest.mark.parametrize("name", ["mith", "cmcl", "clipmh"])
def test_pairs_that_labels_leave_open_do_not_count_if_ignored(name: str) -> None:
    joint = name != "clipmh"
    nothing = items(joint=joint, known=0.0)
    ignoring = begun(name, train=nothing, unknown="ignore")
    pairs = {"inter", "intra", "pairwise"}
    assert all(x == 0.0 for key, x in values(ignoring).items() if key in pairs)
    negative = begun(name, train=nothing, unknown="negative")
    assert all(x > 0.0 for key, x in values(negative).items() if key in pairs)


@pytest.mark.parametrize("name", ["mith", "cmcl", "clipmh"])
def test_training_lowers_the_loss(name: str) -> None:
    totals = trained(made(name, lr=1e-2), steps=40)
    assert totals[-1] < 0.8 * totals[0]
    model = made(name)
    assert batch(model).images.shape == model.context.train.images.shape
