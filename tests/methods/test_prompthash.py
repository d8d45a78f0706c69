"""PromptHash: what reaches a code under each protocol, what learns, what each switch does."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.base import Method
from hashbench.methods.prompthash.fusion import Fusion
from hashbench.methods.prompthash.method import PromptHash
from hashbench.nn.monitors import signs
from hashbench.nn.multi_length import Memories
from hashbench.nn.tokens import Tokens
from hashbench.plan import catalog
from hashbench.plan.request import Request, expand
from tests.methods.prompted import ITEMS, batch, items, made, optimised, step

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


def test_what_the_release_leaks_can_be_distinguished() -> None:
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
        changed = set()
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
                changed.add(name)
        seen[leak] = changed
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
    reached = context.abs().sum(1) > 0
    longest = int(items()[1].lengths.max())  # a position behind every caption and prompt has none
    assert bool(reached[:8].all())
    assert not reached[longest:].any()


def test_a_frozen_context_is_not_optimised() -> None:
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
    for predictor, tokens in (
        (method.image_classes, images),
        (method.text_classes, texts),
    ):
        right = (predictor(tokens.pooled) > 0.5) == labels.bool()
        assert float(right.float().mean()) > 0.85
    blind = made("prompthash", predictor="zero-shot")
    assert isinstance(blind, PromptHash)
    share = (blind.image_classes(images.pooled) > 0.5).float().mean()
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
        ("no-intra", "intra"),
        ("no-inter", "inter"),
        ("no-quantisation", "quantisation"),
        ("no-reconstruction", "reconstruction"),
        ("local-whole", "local"),
        ("local-tokens", "prompt"),
    ],
)
def test_each_term_can_be_switched_off(ablation: str, gone: str) -> None:
    every = set(step(made("prompthash")))
    assert every - set(step(made("prompthash", ablate=ablation))) == {gone}


@pytest.mark.parametrize(
    "ablation",
    [
        "no-taap",
        "agsf-gate",
        "no-agsf",
        "released-grn",
        "fused-features",
        "zero-shot",
        "bertadam",
        "constant-eta",
    ],
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


def test_monitors() -> None:
    method = made("prompthash", epochs=2, batch_size=ITEMS // 2)
    half = ITEMS // 2
    for rows in (torch.arange(half), torch.arange(half, ITEMS)):
        step(method, rows)
    (stage,) = method.stages()
    monitors = method.end_epoch(stage)
    assert monitors["skipped steps"] == 0.0
    assert 0.2 < monitors["mean gate"] < 0.8
    for name in (
        "gradient norm of context",
        "gradient norm of fusion",
        "gradient norm of state space",
        "prompt share",
        "fused-to-plain norm",
        "eta",
    ):
        assert monitors[name] > 0, name
    assert 0 <= monitors["bit balance @4"] <= 1
    step(method, torch.arange(half))  # one of the second epoch's two steps
    assert method.end_epoch(stage)["skipped steps"] == 1.0


def test_the_prompt_transformer_has_a_rate_of_its_own() -> None:
    """In the release that of the towers, a hundredth of that of the heads."""
    method = made("prompthash", prompt_lr=2e-5, backbone_lr=3e-5, fusion_lr=0.5, lr=1e-3)
    assert isinstance(method, PromptHash)
    rates = {
        id(p): group["lr"]
        for group in method.optimiser(method.stages()[0]).param_groups
        for p in group["params"]
    }
    assert {rates[id(p)] for p in method.towers.affinity.blocks.parameters()} == {2e-5}
    assert {rates[id(p)] for p in method.towers.tuned()} == {3e-5}
    assert rates[id(method.towers.learner.context)] == rates[id(method.towers.affinity.eta)] == 1e-3
    card = catalog.method("prompthash")
    assert card.param("prompt_lr").default == card.param("backbone_lr").default


def test_alpha_weighs_the_global_alignment() -> None:
    method = made("prompthash", alpha=3.0, fused_share=0.25)
    terms = method.losses(method.stages()[0], batch())
    assert terms["global"].weight == 3.0
    (old,) = expand(Request(method=["prompthash"]))
    assert "global_weight" not in old.params  # a run of the old meaning has another hash


def test_a_class_enters_a_prompt_with_all_of_its_tokens_and_no_true_class_is_left_out() -> None:
    names = tuple(f"class number {c}" for c in range(12))
    method = made("prompthash", "published", class_names=names, slots=2)
    assert isinstance(method, PromptHash)
    prompt = method.towers.learner(torch.ones(1, 12))
    assert int((prompt.weights > 0).sum()) == 1 + 5 + 12 * 3 + 1
    images, texts, _ = items()
    labels = torch.zeros(ITEMS, 12)
    labels[:, :9] = 1.0
    more = labels.clone()
    more[:, 9] = 1.0  # a tenth class matters, too
    few = method.eval().encode_published(images, texts, labels)
    assert not same(few["image"], method.encode_published(images, texts, more)["image"])


def test_the_prompt_is_pooled_where_the_caption_ends() -> None:
    _, texts, labels = items()
    states = {}
    for state in ("caption-end", "mean"):
        method = made("prompthash", prompt_state=state)
        assert isinstance(method, PromptHash)
        longer = Tokens(texts.pooled, texts.values, (texts.lengths - 1).clamp_min(1))
        with torch.no_grad():
            prompts = [method.towers.text(t, labels).prompt for t in (texts, longer)]
        states[state] = torch.allclose(*prompts, rtol=1e-4, atol=1e-4)
    assert states == {"caption-end": False, "mean": True}


def test_training_prompts_come_from_predictions_that_did_not_see_the_item() -> None:
    method = made("prompthash")
    assert isinstance(method, PromptHash)
    images, _, _ = items()
    index = torch.arange(ITEMS)
    weights = {
        held_out: method.class_weights(
            method.image_classes,
            images.pooled,
            source="predicted",
            index=index if held_out else None,
        )
        for held_out in (True, False)
    }
    assert not torch.equal(weights[True], weights[False])
    seen: list[Tensor | None] = []
    original = method.image_classes.held_out
    method.image_classes.held_out = lambda f, i: (seen.append(i), original(f, i))[1]  # type: ignore[method-assign,func-returns-value]
    step(method)
    assert seen
    plain = made("prompthash", ablate="in-sample-prompts")
    assert isinstance(plain, PromptHash)
    torch.testing.assert_close(
        plain.image_classes.held_out(images.pooled, index), plain.image_classes(images.pooled)
    )


def test_strict_and_published_fusion_are_networks_of_one_size() -> None:
    strict, published_one = made("prompthash"), made("prompthash", "published")
    assert {n: p.shape for n, p in strict.named_parameters()} == {
        n: p.shape for n, p in published_one.named_parameters()
    }


@torch.no_grad()
def test_the_published_fusion_of_one_item_alone_is_the_strict_one_but_for_the_scan() -> None:
    torch.manual_seed(0)
    sizes = {"released_norm": True, "dropout": 0.0}
    strict = Fusion(8, "gate", over_batch=False, **sizes).eval()  # type: ignore[arg-type]
    over_batch = Fusion(8, "gate", over_batch=True, **sizes).eval()  # type: ignore[arg-type]
    over_batch.load_state_dict(strict.state_dict())
    a, b = torch.randn(5, 8), torch.randn(5, 8)
    whole = strict(a, b)
    for i in range(5):
        alone = over_batch(a[[i]], b[[i]])
        torch.testing.assert_close(alone.first[0], whole.first[i])
    assert not torch.allclose(over_batch(a, b).first, whole.first)  # neighbours leak


def test_specific_codes_have_a_target_for_each_modality() -> None:
    for ablation, equal in (("", True), ("specific-codes", False)):
        method = made("prompthash", ablate=ablation)
        step(method)
        method.end_epoch(method.stages()[0])
        memories = method.memories
        assert isinstance(memories, Memories)
        assert torch.equal(memories.target("image", 8), memories.target("text", 8)) is equal
        if not equal:
            assert torch.equal(memories.target("text", 8), signs(memories.of("text", 8)))


@pytest.mark.parametrize(
    ("ablation", "weights"),
    [("", {"local": 2.5, "prompt": 2.5}), ("local-tokens", {"local": 5.0}),
     ("local-whole", {"prompt": 5.0})],
)  # fmt: skip
def test_local_alignment_of_tokens_and_of_the_whole_are_apart(
    ablation: str, weights: dict[str, float]
) -> None:
    method = made("prompthash", ablate=ablation)
    terms = method.losses(method.stages()[0], batch())
    assert {n: t.weight for n, t in terms.items() if n in ("local", "prompt")} == weights


def test_affinity_prompts_without_labels_have_no_classes() -> None:
    method = made("prompthash", ablate="taap-no-labels")
    assert isinstance(method, PromptHash)
    _, texts, labels = items()
    for index in (None, torch.arange(ITEMS)):
        weights = method.class_weights(
            method.text_classes, texts.pooled, source=method.train_source, labels=labels,
            index=index,
        )  # fmt: skip
        assert not weights.any()
    step(method)
