"""PGHMH: fused codes, what may be missing of an item, what leaks under each protocol."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.pghmh.availability import drawn_per_item, dropped
from hashbench.methods.pghmh.fusion import AnchorFusion
from hashbench.methods.pghmh.method import Pghmh
from hashbench.nn.tokens import Tokens
from hashbench.plan.request import Request, expand
from tests.methods.prompted import ITEMS, batch, items, made, optimised, step

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def same(one: dict[int, Tensor], other: dict[int, Tensor]) -> bool:
    return all(torch.allclose(one[K], other[K], **TOLERANCE) for K in one)


def available(image: bool, text: bool) -> Tensor:
    return torch.tensor([image, text]).expand(ITEMS, 2)


def test_no_labels_reach_a_fused_code() -> None:
    method = made("pghmh")
    assert list(inspect.signature(method.encode_mm).parameters) == ["images", "texts", "available"]


@pytest.mark.parametrize("fusion", ["anchors", "pair", "none"])
@torch.no_grad()
def test_what_is_missing_does_not_matter(fusion: str) -> None:
    method = made("pghmh", fusion=fusion, missing_image=0.3, missing_text=0.2)
    step(method)
    images, texts, _ = items()
    other = torch.arange(ITEMS).roll(1)
    whole = method.encode_mm(images, texts, available(True, True))
    image_only = method.encode_mm(images, texts, available(True, False))
    text_only = method.encode_mm(images, texts, available(False, True))
    assert same(image_only, method.encode_mm(images, texts[other], available(True, False)))
    assert same(text_only, method.encode_mm(images[other], texts, available(False, True)))
    assert not same(image_only, whole)
    assert not same(text_only, whole)
    assert not same(whole, method.encode_mm(images, texts[other], available(True, True)))


@torch.no_grad()
def test_no_part_attends_to_one_that_is_missing() -> None:
    torch.manual_seed(0)
    fusion = AnchorFusion(8, guided=True)
    parts, exists = torch.randn(4, 3, 8), torch.tensor([True, False, True]).expand(4, 3)
    fused = fusion(parts, exists)
    assert torch.equal(fused[:, 1], torch.zeros(4, 8))
    torch.testing.assert_close(fused.flatten(1).norm(dim=1), torch.ones(4))
    other = parts.clone()
    other[:, 1] += 1.0
    assert torch.equal(fusion(other, exists), fused)
    other = parts.clone()
    other[:, 2] += 1.0  # the anchor guides
    assert not torch.allclose(fusion(other, exists)[:, 0], fused[:, 0])


@torch.no_grad()
def test_a_code_does_not_depend_on_the_batch() -> None:
    method = made("pghmh")
    step(method)
    images, texts, _ = items()
    order = torch.randperm(ITEMS, generator=torch.Generator().manual_seed(5))
    together = method.encode_mm(images, texts, available(True, True))
    for part in (order[:1], order[1:9], order):
        alone = method.encode_mm(images[part], texts[part].cut(), available(True, True)[part])
        assert same(alone, {K: h[part] for K, h in together.items()})


@torch.no_grad()
def test_only_the_published_code_follows_the_labels() -> None:
    images, texts, labels = items()
    other = torch.arange(ITEMS).roll(1)
    method = made("pghmh", "published").eval()
    plain = method.encode_published(images, texts, labels)
    assert set(plain) == {"mm"}
    assert not same(plain["mm"], method.encode_published(images, texts, labels[other])["mm"])
    alone = method.encode_published(images[:5], texts[:5], labels[:5])["mm"]
    assert same(alone, {K: h[:5] for K, h in plain["mm"].items()})
    with pytest.raises(InputError, match="whole items"):
        made("pghmh", "published", missing_text=0.5)


def test_each_modality_has_its_own_share_and_an_item_lacks_the_same_everywhere() -> None:
    numbers = torch.arange(4000)
    method = made("pghmh", missing_image=0.5, missing_text=0.1)
    drawn = method.availability(numbers, "database")
    assert bool(drawn.any(1).all())
    for column, share in ((0, 0.5), (1, 0.1)):
        assert abs(float((~drawn[:, column]).float().mean()) - share) < 0.03
    shuffled = torch.randperm(4000)
    for role in ("query", "database"):
        assert torch.equal(method.availability(shuffled, role), drawn[shuffled])
    assert isinstance(method, Pghmh)
    assert torch.equal(method.available(), drawn[:ITEMS])  # training items are those 0, 1, ...
    assert torch.equal(method.available(), method.available())
    other = drawn_per_item(numbers, seed=1, no_image=0.5, no_text=0.1)
    assert not torch.equal(other, drawn)


@pytest.mark.parametrize(
    ("where", "in_training", "at_encoding"),
    [("everywhere", False, False), ("training", False, True), ("encoding", True, False)],
)
def test_where_items_lack_a_modality(where: str, in_training: bool, at_encoding: bool) -> None:
    method = made("pghmh", missing_image=0.5, missing_text=0.5, missing_in=where)
    assert isinstance(method, Pghmh)
    assert bool(method.available().all()) is in_training
    assert bool(method.availability(torch.arange(ITEMS), "database").all()) is at_encoding


def test_queries_may_consist_of_one_modality() -> None:
    numbers = torch.arange(50)
    assert bool(made("pghmh").availability(numbers, "query").all())
    images = made("pghmh", ablate="image-queries")
    assert images.availability(numbers, "query").unique(dim=0).tolist() == [[True, False]]
    assert bool(images.availability(numbers, "database").all())


def test_what_training_items_lack_reaches_neither_losses_nor_class_predictors() -> None:
    """The features of a missing modality are replaced: nothing of training may change."""
    whole, lacking = batch(), made("pghmh", ablate="few-images")
    assert isinstance(lacking, Pghmh)
    missing = ~lacking.available()[:, 0]
    assert bool(missing.any())
    images, _ = whole.tokens()
    outcomes = []
    for fill in (0.0, 3.0):
        other = Tokens(
            images.pooled.masked_fill(missing[:, None], fill),
            images.values.masked_fill(missing[:, None, None], fill),
            images.lengths,
        )
        method = made("pghmh", ablate="few-images", train_images=other.pooled)
        assert isinstance(method, Pghmh)
        torch.manual_seed(3)
        losses = method.losses(method.stages()[0], replace(whole, image_tokens=other))
        predictor = method.image_classes
        values = [float(term.value.detach()) for term in losses.values()]
        outcomes.append((values, predictor.weight.tolist(), predictor.fold_weight.tolist()))
    assert outcomes[0] == outcomes[1]


def test_modality_dropout_is_drawn_anew_and_leaves_lacking_items_alone() -> None:
    available = torch.tensor([[True, True], [True, False], [False, True]]).repeat(400, 1)
    torch.manual_seed(0)
    first, second = dropped(available, 0.5), dropped(available, 0.5)
    assert not torch.equal(first, second)
    assert bool(first.any(1).all())
    assert torch.equal(first[1::3], available[1::3])
    assert 0.4 < float((~first[0::3].all(1)).float().mean()) < 0.6


def test_shares_that_leave_nothing_are_refused() -> None:
    """Before anything starts: the request itself."""
    expand(Request(method=["pghmh"], set={"missing_image": 0.6, "missing_text": 0.4}))
    with pytest.raises(InputError, match="missing_image and missing_text .* add up to 1.1"):
        expand(Request(method=["pghmh"], set={"missing_image": 0.6, "missing_text": 0.5}))


@pytest.mark.parametrize(
    ("ablation", "gone"),
    [
        ("no-inter-modal", {"inter-modal"}),
        ("no-anchor", {"anchor"}),
        ("no-structured", {"pairwise", "reconstruction"}),
    ],
)
def test_each_level_can_be_switched_off(ablation: str, gone: set[str]) -> None:
    every = set(step(made("pghmh")))
    assert every - set(step(made("pghmh", ablate=ablation))) == gone


def test_training_goes_on_when_no_item_is_whole() -> None:
    terms = step(made("pghmh", missing_image=0.5, missing_text=0.5))
    assert terms["inter-modal"] == 0.0
    assert all(torch.isfinite(torch.tensor(value)) for value in terms.values())


def test_the_context_is_trained_and_depends_on_the_sample() -> None:
    method = made("pghmh")
    assert isinstance(method, Pghmh)
    learner = method.towers.learner
    assert id(learner.context) in optimised(method)
    before = learner.context.clone()
    for _ in range(2):  # the sample's part starts at zero, and so does the first step's rate
        step(method)
    monitors = method.end_epoch(method.stages()[0])
    assert monitors["gradient norm of context"] > 0
    assert not torch.equal(learner.context, before)
    images, _, labels = items()
    tokens = learner(labels, images.pooled).tokens[:, 0].detach()
    assert float(tokens.std(0).max()) > 0
    still = made("pghmh", ablate="static-context")
    assert isinstance(still, Pghmh)
    step(still)
    fixed = still.towers.learner(labels, images.pooled).tokens[:, 0].detach()
    assert float(fixed.std(0).max()) < 1e-6


def test_state_is_all_in_the_checkpoint() -> None:
    method, again = made("pghmh", missing_text=0.3), made("pghmh", missing_text=0.3)
    step(method)
    again.load_state_dict(method.state_dict())
    torch.manual_seed(3)
    first = step(method)
    torch.manual_seed(3)
    assert step(again) == first
