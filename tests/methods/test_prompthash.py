"""PromptHash: what reaches a code under each protocol, what learns, what each switch does."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.base import Method
from hashbench.methods.prompthash.method import PromptHash
from hashbench.plan.request import Request, expand
from tests.methods.prompted import CLASSES, ITEMS, batch, items, made, optimised, step

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def same(one: dict[int, Tensor], other: dict[int, Tensor]) -> bool:
    return all(torch.allclose(one[K], other[K], **TOLERANCE) for K in one)


@torch.no_grad()
def published(method: Method, **changes: Any) -> dict[str, dict[int, Tensor]]:
    """Codes of the release's encoder, with some of its inputs changed."""
    images, texts, labels = items()
    inputs = {"images": images, "texts": texts, "labels": labels} | changes
    return method.eval().encode_published(**inputs)


def test_strict_encoders_take_one_modality_and_give_all_lengths() -> None:
    method = made("prompthash").eval()
    for encoder, argument in ((method.encode_image, "images"), (method.encode_text, "texts")):
        assert list(inspect.signature(encoder).parameters) == [argument]
    images, texts, _ = items()
    for codes in (method.encode_image(images), method.encode_text(texts)):
        assert {K: tuple(h.shape) for K, h in codes.items()} == {4: (ITEMS, 4), 8: (ITEMS, 8)}


@pytest.mark.parametrize("fusion", ["ssm", "transformer", "gate", "none"])
@torch.no_grad()
def test_a_strict_code_is_the_items_own(fusion: str) -> None:
    method = made("prompthash", fusion=fusion)
    step(method)
    images, texts, _ = items()
    order = torch.randperm(ITEMS, generator=torch.Generator().manual_seed(5))
    for encode, whole in ((method.encode_image, images), (method.encode_text, texts)):
        together = encode(whole)
        for part in (order[:1], order[1:9], order):
            alone = encode(whole[part].cut())
            assert same(alone, {K: h[part] for K, h in together.items()})


def test_what_the_release_leaks_can_be_told_apart() -> None:
    images, texts, labels = items()
    other = torch.arange(ITEMS).roll(1)
    changes = {
        "labels": {"labels": labels[other]},
        "texts": {"texts": texts[other]},
        "neighbours": None,
    }
    seen = {}
    for leak in ("leak-label", "leak-pair", "leak-batch", ""):
        method = made("prompthash", "published", ablate=leak)
        step(method)
        plain = published(method)
        found = set()
        for name, change in changes.items():
            if change is None:
                first = torch.arange(8)
                again = published(
                    method, images=images[first], texts=texts[first], labels=labels[first]
                )
                reference = {K: h[first] for K, h in plain["image"].items()}
            else:
                again, reference = published(method, **change), plain["image"]
            if not same(again["image"], reference):
                found.add(name)
        seen[leak] = found
    assert seen["leak-label"] == {"labels"}
    assert seen["leak-pair"] >= {"texts"}
    assert "labels" not in seen["leak-pair"] | seen["leak-batch"]
    assert "neighbours" in seen["leak-batch"]
    assert seen[""] == {"labels", "texts", "neighbours"}


def test_the_strict_protocol_refuses_what_leaks() -> None:
    for leak in ({"prompt": "ground-truth"}, {"pair": "yes"}, {"batch_mixing": "yes"}):
        with pytest.raises(InputError, match="must not"):
            expand(Request(method=["prompthash"], set=leak))
    with pytest.raises(InputError, match="no other protocol"):
        expand(Request(method=["soda"], protocol="published"))
    (spec,) = expand(Request(method=["prompthash"], protocol="published", bits=[16, 32]))
    assert spec.bits == (16, 32)
    assert spec.params["prompt"] == "ground-truth"
    assert spec.params["pair"] is spec.params["batch_mixing"] is True


@pytest.mark.parametrize("protocol", ["strict", "published"])
def test_everything_that_is_trained_learns(protocol: str) -> None:
    method = made("prompthash", protocol)
    assert isinstance(method, PromptHash)
    held = optimised(method)
    torch.manual_seed(0)
    method.train()
    # identity blocks pass no gradient to what stands before them until they have moved
    step(method)
    method.train()
    terms = method.losses(method.stages()[0], batch())
    method.zero_grad()
    torch.stack([t.weight * t.value for t in terms.values()]).sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in method.named_parameters():
        if not parameter.requires_grad:
            assert ".norm." in name, name  # the towers' final norms are the only frozen ones
            assert id(parameter) not in held
            continue
        assert id(parameter) in held, name
        assert parameter.grad is not None, name
        if name != "towers.affinity.blocks.1.attn.in_proj_bias":
            assert float(parameter.grad.abs().sum()) > 0, name
    context = method.towers.learner.context.grad
    assert context is not None
    assert bool((context.abs().sum(1) > 0).all())  # every token of it


def test_a_frozen_context_is_held_by_nobody() -> None:
    method = made("prompthash", ablate="frozen-context")
    assert isinstance(method, PromptHash)
    before = method.towers.learner.context.clone()
    assert id(method.towers.learner.context) not in optimised(method)
    step(method)
    assert torch.equal(method.towers.learner.context, before)


def test_the_predictors_learn_the_classes_of_their_modality() -> None:
    method = made("prompthash")
    assert isinstance(method, PromptHash)
    images, texts, labels = items(200, seed=7)
    for predictor, there in (
        (method.towers.image_classes, images),
        (method.towers.text_classes, texts),
    ):
        right = (predictor(there.pooled) > 0.5) == labels.bool()
        assert float(right.float().mean()) > 0.85
    blind = made("prompthash", predictor="zero-shot")
    assert isinstance(blind, PromptHash)
    share = (blind.towers.image_classes(images.pooled) > 0.5).float().mean()
    assert 0.05 < float(share) < 0.4  # about what lies a deviation above the mean


def test_a_prompt_matters_and_an_empty_one_does_not() -> None:
    images, _, _ = items()
    with torch.no_grad():
        codes = {
            source: made("prompthash", prompt=source).eval().encode_image(images)
            for source in ("predicted", "none")
        }
    assert not same(codes["predicted"], codes["none"])


@pytest.mark.parametrize(
    ("ablation", "gone"),
    [
        ("no-global", "global"),
        ("no-local", "local"),
        ("no-intra", "intra"),
        ("no-inter", "inter"),
        ("no-quantisation", "quantisation"),
        ("no-reconstruction", "reconstruction"),
    ],
)
def test_each_term_can_be_switched_off(ablation: str, gone: str) -> None:
    every = set(step(made("prompthash")))
    assert every - set(step(made("prompthash", ablate=ablation))) == {gone}


@pytest.mark.parametrize(
    "ablation", ["no-taap", "agsf-gate", "no-agsf", "released-grn", "alpha-1", "zero-shot"]
)
def test_other_ablations_train_and_encode(ablation: str) -> None:
    method = made("prompthash", ablate=ablation)
    assert all(torch.isfinite(torch.tensor(value)) for value in step(method).values())
    images, texts, _ = items()
    with torch.no_grad():
        for codes in (method.encode_image(images), method.encode_text(texts)):
            assert all(bool(h.isfinite().all()) for h in codes.values())


def test_true_prompts_in_training_leave_encoding_alone() -> None:
    method = made("prompthash", ablate="true-prompt-training")
    step(method)
    images, _, _ = items()
    with torch.no_grad():
        assert same(method.encode_image(images), method.encode_image(images))
        plain = made("prompthash").eval()
        plain.load_state_dict(method.state_dict())
        assert same(method.encode_image(images), plain.encode_image(images))


def test_state_is_all_in_the_checkpoint() -> None:
    method = made("prompthash")
    step(method)
    again = made("prompthash")
    again.load_state_dict(method.state_dict())
    torch.manual_seed(3)
    first = step(method)
    torch.manual_seed(3)
    assert step(again) == first


def test_monitors_tell_what_to_watch() -> None:
    method = made("prompthash", epochs=2, batch_size=ITEMS // 2)
    half = ITEMS // 2
    for rows in (torch.arange(half), torch.arange(half, ITEMS)):
        step(method, rows)
    (stage,) = method.stages()
    told = method.end_epoch(stage)
    assert told["skipped steps"] == 0.0
    assert 0.2 < told["mean gate"] < 0.8
    for name in (
        "gradient norm of context",
        "gradient norm of mixer",
        "prompt share",
        "fused-to-plain norm",
    ):
        assert told[name] > 0, name
    assert 0 <= told["bit balance @4"] <= 1
    step(method, torch.arange(half))  # one of the second epoch's two steps
    assert method.end_epoch(stage)["skipped steps"] == 1.0


def test_prompts_hold_the_heaviest_classes() -> None:
    method = made("prompthash", slots=2)
    assert isinstance(method, PromptHash)
    weights = torch.zeros(3, CLASSES)
    weights[0, [1, 3]] = torch.tensor([0.9, 0.4])
    weights[1, 2] = 0.05  # too faint
    weights[2, 4] = 1.0
    learner = method.towers.learner
    prompt = learner(weights)
    context = len(learner.context)
    assert prompt.weights[:, context:].tolist() == [
        [pytest.approx(0.9), pytest.approx(0.4)],
        [0.0, 0.0],
        [1.0, 0.0],
    ]
    assert torch.equal(prompt.tokens[0, context], learner.classes[1])
    assert torch.equal(prompt.tokens[2, context], learner.classes[4])
