"""Codes without training: what they see, what they do not, and what their copies do otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.base import Method
from hashbench.methods.cvh.method import released_directions
from hashbench.nn.projections import canonical, regularised
from hashbench.plan import catalog
from hashbench.plan.request import Request, expand
from tests.methods.frozen import BITS, CLASSES, ITEMS, items, made

LINEAR = ("pca-sign", "itq", "cvh", "cca-itq")
FLOORS = (*LINEAR, "probe", "zero-shot", "random")
ANY_WIDTHS = ("cvh", "cca-itq", "probe", "random")


def trained(name: str, width: int = 12, **more: object) -> Method:
    return made(name, items(width, width), **more)  # type: ignore[arg-type]


def signs_of(method: Method, width: int = 12) -> tuple[Tensor, Tensor]:
    train, K = items(width, width), method.bits[0]
    image, text = method.encode_image(train.images)[K], method.encode_text(train.texts)[K]
    return image >= 0, text >= 0


@pytest.mark.parametrize("name", FLOORS)
def test_two_fits_of_a_seed_give_the_same_signs(name: str) -> None:
    first, second = (signs_of(trained(name)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert first[0].shape == (ITEMS, BITS)


@pytest.mark.parametrize("name", ["pca-sign", "cvh"])
def test_a_rotation_of_the_features_changes_no_more_than_the_signs_of_whole_bits(name: str) -> None:
    plain = trained(name)
    Q = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(1)))[0]
    train = items(12, 12)
    turned = made(name, replace(train, images=train.images @ Q, texts=train.texts @ Q))
    a = plain.encode_image(train.images)[BITS]
    b = turned.encode_image(train.images @ Q)[BITS]
    torch.testing.assert_close(a.abs(), b.abs(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ANY_WIDTHS)
def test_widths_of_images_and_texts_may_differ(name: str) -> None:
    train = items(12, 9)
    method = made(name, train)
    assert method.encode_image(train.images)[BITS].shape == (ITEMS, BITS)
    assert method.encode_text(train.texts)[BITS].shape == (ITEMS, BITS)


@pytest.mark.parametrize("name", LINEAR)
def test_more_bits_than_directions_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="fewer than 16 bits") as refused:
        trained(name, bits=16)
    assert "--bits of 12 at most" in str(refused.value)


def test_itq_s_first_directions_are_those_of_pca() -> None:
    itq, pca = trained("itq"), trained("pca-sign")
    W, V = (m.get_buffer("image_projection").double() for m in (itq, pca))
    # one subspace: the projectors onto it agree, up to what centring of the stack changes
    torch.testing.assert_close(W @ W.T, V @ V.T, atol=1e-5, rtol=0)


def test_cvh_is_cca_of_centred_unit_features() -> None:
    method = trained("cvh")
    train = items(12, 12)
    V, T = (F.normalize(x.double(), dim=1) for x in (train.images, train.texts))
    W_v, W_t, s = canonical(V - V.mean(0), T - T.mean(0), 1e-4)
    expected = (V - V.mean(0)) @ W_v[:, :BITS]
    codes = method.encode_image(train.images)[BITS].double()
    torch.testing.assert_close(codes, expected, atol=1e-3, rtol=1e-3)
    # corresponding bits of the two modalities are correlated by s
    texts = method.encode_text(train.texts)[BITS].double()
    measured = (codes * texts).mean(0)
    torch.testing.assert_close(measured, s[:BITS], atol=1e-2, rtol=1e-2)
    assert W_t.shape == (12, 12)


def test_copied_cvh_solves_another_eigenproblem_on_features_that_are_not_centred() -> None:
    method = trained("cvh", ablate="released")
    assert float(method.get_buffer("image_mean").abs().max()) == 0.0
    train = items(12, 12)
    V, T = (F.normalize(x.double(), dim=1) for x in (train.images, train.texts))
    W_v, W_t = released_directions(V, T, BITS, 1e-4)
    C_vv, C_tt = (regularised(x.T @ x / ITEMS, 1e-4) for x in (V, T))
    C_vt = V.T @ T / ITEMS
    left, right = C_vt @ C_tt @ C_vt.T @ W_v, C_vv @ W_v
    values = (left * right).sum(0) / right.square().sum(0)
    torch.testing.assert_close(left, right * values, atol=1e-8, rtol=1e-6)
    assert bool((values.diff() <= 1e-12).all())
    torch.testing.assert_close(C_tt @ W_t, C_vt.T @ W_v)
    torch.testing.assert_close(
        method.get_buffer("image_projection").double(), W_v, atol=1e-4, rtol=1e-4
    )


def test_labels_reach_cca_itq_only_when_it_is_asked_to_use_them() -> None:
    train = items(12, 12)
    other = replace(train, labels=train.labels.flip(0))
    plain = [signs_of(made("cca-itq", t)) for t in (train, other)]
    assert torch.equal(plain[0][0], plain[1][0])
    supervised = [signs_of(made("cca-itq", t, ablate="supervised")) for t in (train, other)]
    assert not torch.equal(supervised[0][0], supervised[1][0])


def test_supervised_cca_itq_has_more_bits_than_classes() -> None:
    method = trained("cca-itq", ablate="supervised", bits=16)
    image, _ = signs_of(method)
    assert image.shape == (ITEMS, 16)
    assert len(torch.unique(image.T, dim=0)) > CLASSES  # a frame, not copies of a few bits


def test_hidden_labels_count_as_negative_or_not_at_all() -> None:
    for name, ablate in (("probe", ""), ("probe", "logistic"), ("cca-itq", "supervised")):
        train = items(12, 12, known_share=0.5)
        methods = [
            made(name, train, ablate=ablate, unknown=unknown) for unknown in ("negative", "ignore")
        ]
        codes = [m.encode_image(train.images)[BITS] for m in methods]
        assert not torch.allclose(codes[0], codes[1], atol=1e-3), name


def test_the_probe_s_scores_are_its_classes() -> None:
    train = items(12, 12)
    method = made("probe", train, ridge=1e-4)
    K, G = BITS, method.get_buffer("G")
    scores = method.encode_image(train.images)[K] @ torch.linalg.pinv(G)
    assert float(((scores > 0) == train.labels.bool()).float().mean()) > 0.85


def test_zero_shot_scores_are_standardised_cosines_with_the_prompts() -> None:
    train = items(12, 12)
    method = made("zero-shot", train)
    cosines = F.normalize(train.images, dim=1)[:, :CLASSES]  # the prompts are unit vectors here
    expected = (cosines - cosines.mean(0)) / cosines.std(0)
    codes = method.encode_image(train.images)[BITS]
    torch.testing.assert_close(codes, expected @ method.get_buffer("G"))
    softmax = made("zero-shot", train, ablate="softmax")
    shares = torch.softmax(100 * cosines, dim=1)
    expected = (shares - shares.mean(0)) @ softmax.get_buffer("G")
    torch.testing.assert_close(softmax.encode_image(train.images)[BITS], expected)


def test_random_bits_depend_on_the_item_and_the_seed_and_say_nothing() -> None:
    g = torch.Generator().manual_seed(0)
    features = torch.randn(2000, 12, generator=g)
    method = made("random", bits=32)
    codes = method.encode_image(features)[32]
    order = torch.randperm(2000, generator=g)
    assert torch.equal(method.encode_image(features[order])[32], codes[order])
    assert torch.equal(method.encode_image(features[:1])[32], codes[:1])
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    assert float(codes.mean(0).abs().max()) < 0.1  # 4 deviations of a fair coin
    correlation = codes.T @ codes / 2000 - torch.eye(32)
    assert float(correlation.abs().max()) < 0.12
    # a last digit more or less makes other bits
    nudged = torch.nextafter(features, torch.tensor(9.0))
    assert float((method.encode_image(nudged)[32] == codes).float().mean()) == pytest.approx(
        0.5, abs=0.02
    )
    other = made("random", bits=32, seed=1).encode_image(features)[32]
    assert float((other == codes).float().mean()) == pytest.approx(0.5, abs=0.02)


def test_the_oracle_s_distances_follow_shared_labels() -> None:
    g = torch.Generator().manual_seed(0)
    labels = (torch.rand(200, CLASSES, generator=g) < 0.4).float()
    train = replace(items(), labels=labels, images=torch.zeros(200, 3), texts=torch.zeros(200, 2))
    codes = made("oracle", train, bits=16).encode_published(None, None, labels)
    assert torch.equal(codes["image"][16], codes["text"][16])
    signs = np.where(codes["image"][16] >= 0, 1, -1)
    near, share = signs @ signs.T, (labels @ labels.T > 0).numpy()
    assert near[share].mean() > near[~share].mean() + 4


def test_the_oracle_runs_under_the_published_protocol_alone() -> None:
    with pytest.raises(InputError, match="oracle makes codes of what they must not see") as refused:
        expand(Request(method=["oracle"]))
    assert "--protocol published" in str(refused.value)
    assert expand(Request(method=["oracle"], protocol="published"))
    card = catalog.method("oracle")
    with pytest.raises(TypeError):
        catalog.load(card.entry).encode_image(made("oracle"), items().images)


@pytest.mark.parametrize("name", list(catalog.methods()))
def test_methods_without_supervision_are_said_so(name: str) -> None:
    card = catalog.method(name)
    assert ("sees no label in training" in card.traits) == (not card.supervised)
    assert ("images and texts in one space" in card.traits) == card.needs_joint_space
