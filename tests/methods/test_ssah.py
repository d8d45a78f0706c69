"""SSAH: the paper's losses and the release's, the adversary, and what unknown labels do."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from hashbench.methods.ssah.method import Ssah, squared_pairs
from hashbench.methods.ssah.networks import Outputs, reversed_gradient
from hashbench.nn.pairwise_losses import Similarity
from tests.methods.stages import NAMES, batch, begun, items, made, trained, values

ROWS = torch.tensor([2, 5, 11, 3])
G = torch.Generator().manual_seed(0)


def scaled(x: Tensor) -> Tensor:
    return x * x.shape[1] ** 0.5 / x.norm(dim=1, keepdim=True)


def hash_stage(**kwargs: Any) -> tuple[Ssah, dict[str, Outputs]]:
    """A model before stage 2, its memories at random, and what its networks make of ROWS."""
    model = cast("Ssah", begun("ssah", **kwargs))
    model.F_l.normal_().relu_()
    model.get_buffer("H_label").normal_()
    train = model.context.train
    with torch.no_grad():
        outputs = {
            "image": model.image_head(scaled(train.images[ROWS])),
            "text": model.text_head(scaled(train.texts[ROWS])),
        }
    return model, outputs


def pairs(A: Tensor, h: Tensor, labels: Tensor, *, squared: bool) -> float:
    total = 0.0
    for i in range(len(A)):
        for j, row in enumerate(ROWS.tolist()):
            theta, similar = 0.5 * float(A[i] @ h[j]), float(labels[i] @ labels[row] > 0)
            softplus = math.log1p(math.exp(theta))
            if squared:
                total += 0.5 * (0.999 * similar * theta - softplus) ** 2
            else:
                total += softplus - similar * theta
    return total / (len(A) * len(ROWS))


@pytest.mark.parametrize("ablate", [(), ("released",)])
def test_image_and_text_learn_from_the_label_network_s_memories(ablate: tuple[str, ...]) -> None:
    model, outputs = hash_stage(ablate=ablate)
    released, labels = bool(ablate), model.context.train.labels
    terms = values(model, ROWS)
    expected = dict.fromkeys(("features", "codes", "signs", "labels"), 0.0)
    for out in outputs.values():
        expected["features"] += pairs(model.F_l, out.feature, labels, squared=released)
        H_l = model.get_buffer("H_label")
        expected["codes"] += pairs(H_l, out.code, labels, squared=released)
        for j, row in enumerate(ROWS.tolist()):
            for k in range(8):
                h = float(out.code[j, k])
                B = (1.0 if h >= 0 else -1.0) if released else float(model.B[row, k])
                expected["signs"] += 0.5 * (B - h) ** 2 / 32
            for c in range(len(NAMES)):
                error = float(labels[row, c] - out.classes[j, c])
                expected["labels"] += 0.5 * error**2 / (4 * len(NAMES))
    assert ("adversary" in terms) is not released
    terms.pop("adversary", None)
    assert terms == pytest.approx(expected, rel=1e-4)


def test_weights_make_ratios_those_of_sums() -> None:
    model, _ = hash_stage()
    terms = model.losses(model.stages()[1], batch(model, ROWS))
    n = len(model.context.train)
    weights = {name: term.weight for name, term in terms.items()}
    assert weights == pytest.approx(
        {"features": 1, "codes": 1, "signs": 8 / n, "labels": len(NAMES) / n, "adversary": 0.1}
    )


def test_the_squared_loss_has_the_likelihood_s_minimisers_in_sign() -> None:
    A, h = torch.randn(5, 4, generator=G), torch.zeros(3, 4, requires_grad=True)
    for S, sign in ((torch.ones(5, 3), -1.0), (torch.zeros(5, 3), 1.0)):
        (gradient,) = torch.autograd.grad(squared_pairs(A, h, Similarity(S)), h)
        # at theta = 0 the gradient is -+ a share of the sum of A's rows
        assert (gradient @ A.sum(0) * sign > 0).all()


def test_the_adversary_raises_its_own_discriminator_s_loss_for_the_networks() -> None:
    model, outputs = hash_stage()
    labels = model.F_l[ROWS]
    expected = 0.0
    for name, out in outputs.items():
        discriminator = model.discriminators[name]
        with torch.no_grad():
            for logit, target in ((discriminator(labels), 1.0), (discriminator(out.feature), 0.0)):
                for x in torch.sigmoid(logit).tolist():
                    expected -= 0.5 * math.log(x if target else 1.0 - x) / 4
    assert values(model, ROWS)["adversary"] == pytest.approx(expected, rel=1e-4)
    feature = outputs["image"].feature.clone().requires_grad_()
    discriminator = model.discriminators["image"]
    honest, adversarial = (
        torch.autograd.grad(torch.nn.functional.softplus(discriminator(x)).mean(), feature)[0]
        for x in (feature, reversed_gradient(feature))
    )
    torch.testing.assert_close(adversarial, -honest)
    assert reversed_gradient(feature).equal(feature)


def test_without_an_adversary_no_discriminator_matters_and_with_one_codes_change() -> None:
    codes = []
    for ablate in (("no-adversary",), ()):
        for shifted in (False, True):
            model = cast(
                "Ssah",
                made("ssah", ablate=ablate, adversary=1.0)
                if not ablate
                else made("ssah", ablate=ablate),
            )
            if shifted:
                with torch.no_grad():
                    for parameter in model.discriminators.parameters():
                        parameter.add_(0.1)
            trained(model, steps=3)
            with torch.no_grad():
                codes.append(model.encode_image(model.context.train.images)[8])
    assert codes[0].equal(codes[1])
    assert not codes[2].equal(codes[3])


def test_the_label_network_sees_zero_for_an_unknown_label_and_leaves_it_out_if_ignored() -> None:
    partly = items(known=0.5)
    results = []
    for unknown in ("negative", "ignore"):
        model = cast("Ssah", begun("ssah", stage=0, train=partly, unknown=unknown))
        terms = values(model, stage=0)
        with torch.no_grad():
            out: Outputs = model.label_net(partly.labels)
        counted = partly.known.float() if unknown == "ignore" else torch.ones_like(partly.labels)
        errors = 0.5 * (partly.labels - out.classes).square() * counted
        assert terms["labels"] == pytest.approx(float(errors.mean()), rel=1e-5)
        results.append(terms)
    assert results[1]["codes"] < results[0]["codes"]  # fewer pairs count, the mean is over all


def test_the_common_signs_are_those_of_all_three_codes() -> None:
    model = cast("Ssah", begun("ssah"))
    for name in ("label", "image", "text"):
        model.get_buffer(f"H_{name}").normal_()
    model.end_epoch(model.stages()[1])
    total = sum(model.get_buffer(f"H_{name}") for name in ("label", "image", "text"))
    assert model.B.equal(torch.where(cast("Tensor", total) >= 0, 1.0, -1.0))


def test_codes_follow_labels_after_both_stages() -> None:
    model = made("ssah", lr=5e-3)
    trained(model, steps=150)
    train = model.context.train
    with torch.no_grad():
        v, t = model.encode_image(train.images)[8], model.encode_text(train.texts)[8]
    similar = train.labels @ train.labels.T > 0
    products = v @ t.T
    assert float(products[similar].mean()) > float(products[~similar].mean()) + 2.0
