"""DCHMT and MITH with the backbone's last blocks; MITH's local branch against its equations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.base import Batch, Method, total
from hashbench.methods.context import MethodContext, TrainingSet
from hashbench.methods.mith.concepts import (
    LocalConcepts,
    concept_alignment,
    concept_weights,
    distillation,
    sinusoids,
)
from hashbench.nn.contrastive_losses import info_nce
from hashbench.nn.towers import Towers
from hashbench.plan import catalog, parameters
from hashbench.plan.request import expand
from hashbench.plan.run_options import Request
from tests.methods.prompted import ITEMS, NAMES, WIDTH, batch, items, prompts, tower

BITS = 8
BOTH = {"branches": "both", "tuned_blocks": 2}


def made(name: str, ablate: Sequence[str] = (), **params: Any) -> Method:
    images, texts, labels = items()
    known = torch.ones_like(labels).bool()
    card = catalog.method(name)
    context = MethodContext(
        bits=(BITS,),
        params=parameters.resolve(card, "strict", 1, ablate, {"batch_size": ITEMS, **params}),
        class_names=NAMES,
        train=TrainingSet(images.pooled, texts.pooled, labels, known, torch.arange(ITEMS)),
        prompts=prompts,
        seed=0,
        towers=lambda: Towers(tower(1, causal=False), tower(2, causal=True)),
    )
    torch.manual_seed(0)
    method: Method = catalog.load(card.entry)(context)
    method.begin_stage(method.stages()[0])
    return method


@torch.enable_grad()
def step(method: Method) -> None:
    (stage,) = method.stages()
    optimiser = method.optimiser(stage)
    for _ in range(2):
        loss = total(method.losses(stage, batch()).values())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def blocks_of(method: Method) -> dict[str, Tensor]:
    state = method.state_dict()
    return {
        key: value.clone() for key, value in state.items() if ".blocks." in key and "tower" in key
    }


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("dchmt", {"tuned_blocks": 2}),
    ("mith", {"tuned_blocks": 2}),
    ("mith", BOTH),
]


@pytest.mark.parametrize(("name", "params"), VARIANTS)
def test_blocks_are_tuned_at_their_own_rate_or_not_at_all(
    name: str, params: dict[str, Any]
) -> None:
    tuned = made(name, **params, backbone_lr=1e-2)
    before = blocks_of(tuned)
    step(tuned)
    after = blocks_of(tuned)
    assert before
    assert sum(not torch.equal(before[key], after[key]) for key in before) > len(before) / 2
    (stage,) = tuned.stages()
    rates = {group["lr"] for group in tuned.optimiser(stage).param_groups}
    assert rates == {1e-2, tuned.context.real("lr")}

    still = made(name, **params, backbone_lr=0.0)
    before, heads = blocks_of(still), [p.clone() for p in still.parameters() if p.requires_grad]
    step(still)
    after = blocks_of(still)
    assert all(torch.equal(before[key], after[key]) for key in before)
    trained = [p for p in still.parameters() if p.requires_grad]
    assert any(not torch.equal(a, b) for a, b in zip(heads, trained, strict=False))


@pytest.mark.parametrize(("name", "params"), VARIANTS)
def test_a_code_depends_on_its_item_alone(name: str, params: dict[str, Any]) -> None:
    method = made(name, **params).eval()
    images, texts, _ = items()
    longer = replace(texts, values=texts.values.clone())
    behind = torch.arange(texts.values.shape[1])[None, :] >= texts.lengths[:, None]
    longer.values[behind] = 7.0  # what lies behind an item's tokens is nobody's business
    with torch.no_grad():
        whole = method.encode_image(images)[BITS], method.encode_text(texts)[BITS]
        padded = method.encode_text(longer)[BITS]
        for row in (0, 5, ITEMS - 1):
            rows = torch.tensor([row])
            alone = method.encode_image(images[rows])[BITS], method.encode_text(texts[rows])[BITS]
            for one, all_of_them in zip(alone, whole, strict=True):
                torch.testing.assert_close(one[0], all_of_them[row], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(padded, whole[1], rtol=1e-4, atol=1e-5)


def test_dchmt_and_mith_see_what_the_tower_makes_of_tokens() -> None:
    for name in ("dchmt", "mith"):
        tuned, frozen = made(name, tuned_blocks=2), made(name)
        frozen.load_state_dict(
            {k: v for k, v in tuned.state_dict().items() if not k.startswith("towers.")}
        )
        given = batch()
        image, text = tower(1, causal=False), tower(2, causal=True)
        assert given.image_tokens is not None
        assert given.text_tokens is not None
        seen = Batch(given.index, image(given.image_tokens), text(given.text_tokens),
                     given.labels, given.known)  # fmt: skip
        (stage,) = tuned.stages()
        ours, expected = (
            {key: float(t.value.detach()) for key, t in method.losses(stage, one).items()}
            for method, one in ((tuned, given), (frozen, seen))
        )
        assert ours == pytest.approx(expected, rel=1e-4)


def test_a_concept_is_gathered_from_the_tokens_that_speak_for_it() -> None:
    g = torch.Generator().manual_seed(4)
    n, length, K, most = 3, 7, 6, 2
    scores = torch.rand(n, length, K, generator=g) * 2 - 1
    scores[:, :, K - 1] = -0.5  # nobody speaks for the last one
    content = torch.rand(n, length, generator=g) < 0.8
    weights = concept_weights(scores, content, most)
    for i in range(n):
        for k in range(K):
            speaking = []
            for token in range(length):
                best = sorted(scores[i, token].tolist(), reverse=True)[most - 1]
                score = float(scores[i, token, k])
                if bool(content[i, token]) and score > 0 and score >= best:
                    speaking.append(token)
            whole = sum(math.exp(float(scores[i, token, k])) for token in speaking)
            for token in range(length):
                expected = math.exp(float(scores[i, token, k])) / whole if token in speaking else 0
                assert float(weights[i, token, k]) == pytest.approx(expected, abs=1e-6)
    assert torch.isfinite(weights).all()
    assert float(weights[:, :, K - 1].abs().sum()) == 0


def test_bits_are_read_off_their_own_concept() -> None:
    torch.manual_seed(1)
    local = LocalConcepts(WIDTH, BITS, strongest=BITS)
    for block in local.blocks:
        block.as_identity()
    tokens, scores = torch.randn(2, 5, WIDTH), torch.rand(2, 5, BITS)
    content = torch.ones(2, 5, dtype=torch.bool)
    h, z = local(tokens, scores, content)
    places = sinusoids(BITS, WIDTH)
    assert float(places[3, 2]) == pytest.approx(math.sin(3 / 10_000 ** (2 / WIDTH)), abs=1e-5)
    assert float(places[3, 3]) == pytest.approx(math.cos(3 / 10_000 ** (2 / WIDTH)), abs=1e-5)
    for k in range(BITS):
        shares = scores[:, :, k].softmax(1)
        concept = (shares[:, :, None] * tokens).sum(1) + places[k] / WIDTH**0.5
        expected = torch.tanh(concept @ local.weight[k] + local.bias[k])
        torch.testing.assert_close(h[:, k], expected)
        direction = local.project(concept)
        torch.testing.assert_close(z[:, k], direction / direction.norm(dim=1, keepdim=True))


def _j(memory: Tensor, h: Tensor, S: Tensor) -> float:
    theta = 0.5 * memory.double() @ h.double().T
    return float((torch.log1p(torch.exp(theta)) - S.double() * theta).mean())


def test_the_full_loss_is_the_papers() -> None:
    method = made("mith", **BOTH)
    (stage,) = method.stages()
    rows = torch.arange(10)
    given = batch(rows)
    before = {name: method.get_buffer(name).normal_().clone()
              for name in ("M_v", "M_t", "M_v_local", "M_t_local")}  # fmt: skip
    terms = {
        name: (float(t.value.detach()), t.weight) for name, t in method.losses(stage, given).items()
    }
    with torch.no_grad():
        v = method._images(given.image_tokens)  # type: ignore[operator]
        t = method._texts(given.text_tokens)  # type: ignore[operator]
    memories = {
        "M_v": v.h, "M_t": t.h, "M_v_local": v.local, "M_t_local": t.local
    }  # fmt: skip
    for name, codes in memories.items():
        before[name][rows] = codes.detach()
        torch.testing.assert_close(method.get_buffer(name), before[name])
    labels = method.context.train.labels
    S = (labels @ given.labels.T > 0).float()
    n = len(rows)
    inter = _j(before["M_v"], t.h, S) + _j(before["M_t"], v.h, S)
    assert terms["inter"] == (pytest.approx(inter, rel=1e-4), 10.0)
    intra = _j(before["M_v_local"], v.local, S) + _j(before["M_t_local"], t.local, S)
    assert terms["intra"] == (pytest.approx(intra, rel=1e-4), 1.0)
    B = torch.where(0.99 * (v.h + t.h) + 0.01 * (v.local + t.local) >= 0, 1.0, -1.0)
    quantisation = sum(
        float((0.5 * m.h[i, k] + 0.5 * m.local[i, k] - B[i, k]) ** 2)
        for m in (v, t) for i in range(n) for k in range(BITS)
    ) / (n * BITS)  # fmt: skip
    assert terms["quantisation"] == (pytest.approx(quantisation, rel=1e-4), 8.0)
    assert terms["alignment"] == (pytest.approx(float(info_nce(v.g, t.g, 0.07)), rel=1e-4), 50.0)
    each = [float(info_nce(v.z[i], t.z[i], 0.07)) for i in range(n)]
    assert terms["concepts"] == (pytest.approx(sum(each) / n, rel=1e-4), pytest.approx(0.5))
    learned = sum(1.1 * float((m.h - m.local).square().sum()) / n for m in (v, t))
    assert terms["distillation"] == (pytest.approx(learned, rel=1e-4), 1.0)
    assert terms.keys() == {
        "inter", "intra", "quantisation", "alignment", "concepts", "distillation"
    }  # fmt: skip
    with torch.no_grad():
        relaxed = method.encode_image(given.image_tokens)[BITS]
    torch.testing.assert_close(relaxed, v.h + v.local)  # test codes weigh both branches alike


def test_scores_of_tokens_are_the_global_branch_without_a_gradient() -> None:
    method = made("mith", **BOTH)
    given = batch()
    tokens: Any = given.image_tokens
    described = method.towers.described_images(tokens)  # type: ignore[union-attr]
    unit = F.normalize(described.tokens, dim=2) * WIDTH**0.5
    scores = torch.tanh(method.head(method.refine(unit)))  # type: ignore[operator]
    h, _ = method.local["image"](unit, scores.detach(), described.content)  # type: ignore[index]
    torch.testing.assert_close(method._images(tokens).local, h)  # type: ignore[operator]
    assert not described.content[:, 0].any()  # the class token is the whole item's
    method._images(tokens).local.sum().backward()  # type: ignore[operator]
    assert method.head.weight.grad is None  # type: ignore[union-attr]


@torch.enable_grad()
def test_distillation_draws_the_local_code_ten_times_as_hard() -> None:
    h, local = (torch.randn(4, BITS, requires_grad=True) for _ in range(2))
    distillation(h, local).backward()  # type: ignore[no-untyped-call]
    assert h.grad is not None
    assert local.grad is not None
    torch.testing.assert_close(local.grad, -10.0 * h.grad)


def test_concepts_are_told_from_those_of_the_same_item() -> None:
    z = F.normalize(torch.randn(2, 3, WIDTH), dim=2)
    same = float(concept_alignment(z, z, 0.01))
    moved = float(concept_alignment(z, z.roll(1, dims=1), 0.01))
    assert same < 1e-2 < moved


def test_the_local_branch_needs_tokens() -> None:
    with pytest.raises(InputError, match="reads tokens") as refused:
        made("mith", branches="both")
    assert "--ablate full" in str(refused.value.remedy)
    full = made("mith", ablate=["full"])
    card = catalog.method("mith")
    assert card.towers(full.context.params) == "frozen"
    assert card.tuned(full.context.params) == 1


def test_cards_say_what_becomes_of_the_backbone() -> None:
    dchmt = catalog.method("dchmt")
    (spec,) = expand(Request(method="dchmt", ablate=["tuned-2"]))
    assert dchmt.towers(spec.params) == "last 2 blocks tuned"
    assert "can tune the backbone's last blocks" in dchmt.traits
    assert "trains on frozen features" in catalog.method("dcmh").traits
    assert "tunes the backbone's last blocks" in catalog.method("prompthash").traits
    assert "frozen" not in catalog.method("lsh").traits
    assert catalog.method("dcmh").towers({}) == "frozen"
    with pytest.raises(InputError, match="with tuned blocks cannot work on wikipedia"):
        expand(Request(method="dchmt", dataset="wikipedia", ablate=["tuned-2"]))
    (frozen,) = expand(Request(method="dchmt", dataset="wikipedia"))
    assert frozen.params["tuned_blocks"] == 0
    with pytest.raises(InputError, match="not on pictures"):
        expand(Request(method="dchmt", augment_images="flip-crop"))
    assert expand(Request(method="dchmt", augment_images="flip-crop", ablate=["tuned-2"]))
